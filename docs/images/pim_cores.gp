# Updates per microsecond of all cores against their number.
set xlabel "cores, each with four walker slots"
set ylabel "updates per microsecond, all cores"
set xrange [0.9:8.8]
set xtics (1, 2, 4, 8)
set yrange [0:190]
set key top left
updates = 6000  # of each core: the sweep's limit
rate(variant, slots) = column("slots") == slots ? column("cores") * updates * 1e3 / of(variant, "simulated_time_ns") : NaN
sweep = csv("pim_cores")
plot sweep using "cores":(rate("gups8-host", 16)) linestyle 1 linecolor rgb red title "host, cached entries", \
     sweep using "cores":(rate("gups8-array", 32)) linestyle 1 linecolor rgb light_blue title "array, 32 slots", \
     sweep using "cores":(rate("gups8-data", 32)) linestyle 1 linecolor rgb green title "array, 32 slots, with data", \
     sweep using "cores":(rate("gups8-array", 16)) linestyle 1 linecolor rgb blue title "array, 16 slots", \
     sweep using "cores":(rate("gups8-uncached", 16)) linestyle 1 linecolor rgb dark_red title "host, from memory", \
     sweep using "cores":(rate("gups8-controller", 16)) linestyle 1 linecolor rgb grey title "controller, 16 slots"
