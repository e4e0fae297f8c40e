# Bytes that a migration sends against the dirty rate.
load images . "/migration_axis.gp"
set ylabel "bytes sent / memory of the process"
set yrange [0:*]
set key top left reverse Left samplen 2
sent(variant) = of(variant, "migration.sent_ratio")
plot csv("migration_dirty_rate") using (ratio(column("page_interval"))):(sent("all_pages")) linestyle 1 linecolor rgb red title "all that devices can write is dirty", \
     csv("migration_dirty_rate") using (ratio(column("page_interval"))):(sent("iommu_flags")) linestyle 1 linecolor rgb "#30a050" title "dirty flags of the IOMMU", \
     csv("migration_dirty_rate") using (ratio(column("page_interval"))):(sent("log_on_miss")) linestyle 1 linecolor rgb blue title "device log"
