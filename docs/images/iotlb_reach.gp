# Throughput of a device against its window, beside the published figures.
set logscale x
set xlabel "window of random 64-byte reads"
set ylabel "payload, Gb/s"
set xtics ("256 KiB" 2**18, "1 MiB" 2**20, "4 MiB" 2**22, "16 MiB" 2**24, "64 MiB" 2**26)
set yrange [0:36]
set xrange [2**18*0.8:2**26*1.25]
set key at graph 0.97,0.62
# Neugebauer et al., SIGCOMM 2018, section 6.5.
$published << END
window,rate
262144,32.4
524288,22.3
1048576,15.2
2097152,12.1
4194304,10.9
16777216,10.1
67108864,9.8
262144,32.5
16777216,32.5
67108864,28.4
END
rate = "io.nic0.payload_rate"
plot csv("iotlb_reach") using "window":(of("off", rate)) linestyle 1 linecolor rgb blue title "no IOMMU, model", \
     csv("iotlb_reach") using "window":(of("4k", rate)) linestyle 1 linecolor rgb red title "4 KiB pages, model", \
     $published using "window":"rate" with points pointtype 6 pointsize 1.1 linewidth 2 linecolor rgb "#333333" title "published, either"
