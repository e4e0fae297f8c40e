# Average access time of a pointer chase against its working set.
set logscale xy
set xlabel "working set of a pointer chase, one load per 4 KiB"
set ylabel "average access, ns"
set xtics ("128 KiB" 2**17, "1 MiB" 2**20, "8 MiB" 2**23, "64 MiB" 2**26, "1 GiB" 2**30)
set yrange [0.8:200]
set xrange [2**17*0.9:2**30*1.1]
set key bottom right
set arrow from 2**18,0.8 to 2**18,200 nohead dashtype 2 linecolor rgb "#999999"
set arrow from 6*2**20,0.8 to 6*2**20,200 nohead dashtype 2 linecolor rgb "#999999"
set label "4 KiB DTLB full" at 2**18*1.1,140 textcolor rgb "#666666"
set label "4 KiB STLB full" at 6*2**20*1.1,140 textcolor rgb "#666666"
of_pages(bytes) = column("page_size") == bytes ? column(access) : NaN
plot csv("tlb_reach") using "working_set":(of_pages(4096)) linestyle 1 linecolor rgb red title "4 KiB pages", \
     csv("tlb_reach") using "working_set":(of_pages(2**21)) linestyle 1 linecolor rgb blue title "2 MiB pages"
