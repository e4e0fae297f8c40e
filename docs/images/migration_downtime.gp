# Downtime of a migration against the dirty rate.
load images . "/migration_axis.gp"
set ylabel "downtime, ms"
set yrange [0:500]
set key at graph 0.02,0.48 left top reverse Left samplen 2
set arrow from graph 0,first 300 to graph 1,first 300 nohead dashtype 2 linecolor rgb "#666666"
set label "300 ms: default limit of QEMU" at 0.1,318 textcolor rgb "#666666"
set arrow from graph 0,first 60 to graph 1,first 60 nohead dashtype 2 linecolor rgb "#666666"
set label "60 ms: a game server, NSDI'05; the limit set here" at 0.1,78 textcolor rgb "#666666"
downtime(variant) = of(variant, "migration.downtime") / 1e6
plot csv("migration_dirty_rate") using (ratio(column("page_interval"))):(downtime("all_pages")) linestyle 1 linecolor rgb red title "all that devices can write is dirty", \
     csv("migration_dirty_rate") using (ratio(column("page_interval"))):(downtime("iommu_flags")) linestyle 1 linecolor rgb "#30a050" title "dirty flags of the IOMMU", \
     csv("migration_dirty_rate") using (ratio(column("page_interval"))):(downtime("log_on_miss")) linestyle 1 linecolor rgb blue title "device log"
