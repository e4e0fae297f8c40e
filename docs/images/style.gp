# What the pictures of the documentation have in common. scripts/figures loads this file, then one of the others, for each
# picture; `results` is the folder that holds those of the sweeps, `picture` the file to draw.
set encoding utf8
set terminal svg size 640,360 font "sans-serif,12" background "white"
set output picture
set grid back linecolor rgb "#dddddd"
set datafile separator comma
set datafile columnheaders
set datafile missing NaN  # rows of other variants do not break a line
set style data linespoints
set style line 1 linewidth 2 pointtype 7 pointsize 0.6

# The table of a sweep, the figure of a row, and one that only rows have that are of a variant.
csv(sweep) = results . "/" . sweep . "/results.csv"
of(variant, name) = strcol("variant") eq variant ? column(name) : NaN

red = "#c03030"; dark_red = "#802020"; light_red = "#e08080"; blue = "#3060c0"; light_blue = "#80a0e0"
green = "#209050"; grey = "#777777"; orange = "#e09020"
walk = "cpu0.mmu.walker.latency.mean"; access = "cpu0.access_latency.mean"
