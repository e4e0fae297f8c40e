# The axis of both pictures of live migration: what a device dirties against what the link carries.
set logscale x
set xrange [0.09:3.3]
set xtics (0.1, 0.2, 0.5, 1, 2, 3)
set xlabel "pages dirtied / pages that the link carries"
set arrow from 1,graph 0 to 1,graph 1 nohead dashtype 3 linecolor rgb "#999999"
page_time = 6691.2  # ns: 4104 bytes and 78 of headers at 0.625 GB/s
ratio(interval) = page_time / interval
