# Unloaded walks against levels: points are measured, lines are the closed forms of docs/pim.md.
set xlabel "levels of the page table (Sv39, Sv48, Sv57)"
set ylabel "unloaded walk, ns"
set xrange [2.8:5.2]
set xtics 3,1,5
set yrange [0:470]
set key top left Left reverse
levels(format) = format eq "sv39" ? 3 : format eq "sv48" ? 4 : 5
in_banks(variant, banks) = column("table_banks") == banks ? of(variant, walk) : NaN
plot 70.625*x with lines dashtype 2 linecolor rgb dark_red notitle, \
     40 + 30.625*x with lines dashtype 2 linecolor rgb grey notitle, \
     56.25 + 19.375*x with lines dashtype 2 linecolor rgb blue notitle, \
     75.625 + 46.25*(x-1) with lines dashtype 2 linecolor rgb light_blue notitle, \
     csv("pim_levels") using (levels(strcol("format"))):(in_banks("graph-uncached", 0)) with points pointtype 7 pointsize 0.8 linecolor rgb dark_red title "host, from memory", \
     csv("pim_levels") using (levels(strcol("format"))):(in_banks("graph-array", 1)) with points pointtype 7 pointsize 0.8 linecolor rgb light_blue title "array, all tables in one bank", \
     csv("pim_levels") using (levels(strcol("format"))):(in_banks("graph-controller", 0)) with points pointtype 7 pointsize 0.8 linecolor rgb grey title "controller", \
     csv("pim_levels") using (levels(strcol("format"))):(in_banks("graph-array", 0)) with points pointtype 7 pointsize 0.8 linecolor rgb blue title "array", \
     NaN with lines dashtype 2 linecolor rgb "#333333" title "closed form"
