# Average access time of a captured graph search against entries of the second-level TLB, natively and in a virtual machine.
set xlabel "entries of the second-level TLB"
set ylabel "average access, ns"
set logscale x 2
set xtics (384, 768, 1536, 3072, 6144)
set xrange [350:6800]
set key top right
at(variant, dtlb) = column("dtlb_entries") == dtlb ? of(variant, access) : NaN
sweep = csv("tlb_sizing")
plot sweep using "stlb_entries":(at("nested", 64)) linestyle 1 linecolor rgb red title "in a virtual machine, with nested paging", \
     sweep using "stlb_entries":(at("native", 64)) linestyle 1 linecolor rgb blue title "natively"
