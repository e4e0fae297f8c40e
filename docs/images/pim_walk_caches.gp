# Walk time against entries of the walk cache of level 1, of the host or of the memory.
set xlabel "entries of the walk cache of level 1 (each saves all reads but that of the leaf, for 2 MiB)"
set ylabel "mean walk, ns"
set logscale x 2
set xrange [3.5:600]
set xtics (4, 16, 32, 64, 128, 256, 512)
set yrange [0:160]
set key bottom left Left reverse
entering(place, variant) = strcol("walks_enter") eq place ? of(variant, walk) : NaN
host = csv("pim_walk_caches")
memory = csv("pim_memory_walk_caches")
plot host using "walk_cache_entries":(entering("memory", "graph-host")) linestyle 1 linecolor rgb light_red title "host, entries from memory", \
     host using "walk_cache_entries":(entering("l1d", "graph-array")) linestyle 1 linecolor rgb blue title "array, no walk cache", \
     host using "walk_cache_entries":(entering("memory", "graph-hybrid")) linestyle 1 linecolor rgb orange title "hybrid, entries from memory", \
     memory using "walk_cache_entries":walk linestyle 1 linecolor rgb light_blue title "array, walk cache in memory", \
     host using "walk_cache_entries":(entering("l1d", "graph-host")) linestyle 1 linecolor rgb red title "host, cached entries"
