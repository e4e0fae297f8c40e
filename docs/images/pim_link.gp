# Walk and access time of dependent loads against the latency of the link to memory.
set terminal svg size 900,360 font "sans-serif,12" background "white"
set multiplot layout 1,2
set xlabel "latency of the link, ns"
set xrange [-5:205]
set xtics 0,50,200
set yrange [0:1400]
set key top left Left reverse
set ylabel "mean walk, ns"
sweep = csv("pim_link")
plot sweep using "link_latency":(of("graph-uncached", walk)) linestyle 1 linecolor rgb dark_red title "host, from memory", \
     sweep using "link_latency":(of("graph-past", walk)) linestyle 1 linecolor rgb light_red title "host, walk caches", \
     sweep using "link_latency":(of("graph-controller", walk)) linestyle 1 linecolor rgb grey title "controller", \
     sweep using "link_latency":(of("graph-data", walk)) linestyle 1 linecolor rgb green title "array, with data", \
     sweep using "link_latency":(of("graph-array", walk)) linestyle 1 linecolor rgb blue title "array", \
     sweep using "link_latency":(of("graph-host", walk)) linestyle 1 linecolor rgb red title "host, cached entries"
set ylabel "mean access, ns"
plot sweep using "link_latency":(of("graph-uncached", access)) linestyle 1 linecolor rgb dark_red notitle, \
     sweep using "link_latency":(of("graph-past", access)) linestyle 1 linecolor rgb light_red notitle, \
     sweep using "link_latency":(of("graph-controller", access)) linestyle 1 linecolor rgb grey notitle, \
     sweep using "link_latency":(of("graph-array", access)) linestyle 1 linecolor rgb blue notitle, \
     sweep using "link_latency":(of("graph-host", access)) linestyle 1 linecolor rgb red notitle, \
     sweep using "link_latency":(of("graph-data", access)) linestyle 1 linecolor rgb green notitle
unset multiplot
