# Walk time against the number of banks that tables lie in: dependent loads, a walk at a time, then updates, four at a time.
set xlabel "banks that tables lie in"
set ylabel "mean walk, ns"
set xrange [0.9:36]
set xtics (1, 2, 4, 8, 16, 32)
set yrange [0:*]
set key top right
sweep = csv("pim_banks")
plot sweep using "table_banks":(of("gups-uncached", walk)) linestyle 1 linecolor rgb dark_red title "updates, host from memory", \
     sweep using "table_banks":(of("gups-controller", walk)) linestyle 1 linecolor rgb grey title "updates, controller", \
     sweep using "table_banks":(of("gups-array", walk)) linestyle 1 linecolor rgb blue title "updates, array", \
     sweep using "table_banks":(of("gups-host", walk)) linestyle 1 linecolor rgb red title "updates, host with cached entries", \
     sweep using "table_banks":(of("graph-array", walk)) linestyle 1 linecolor rgb light_blue title "dependent loads, array"
