// How a DRAM is described in a platform file.
#include "pagoda/base/config_builder.h"
#include "pagoda/memory/dram_config.h"

namespace pagoda {

const ConfigInfo& DramOrganisation::config_info() {
  using T = DramOrganisation;
  static const ConfigInfo info =
      ConfigBuilder<T>("DRAM organisation", "How a memory is built; every count is a power of two.")
          .field("channels", &T::channels, "independent channels", in_range(1, 1024))
          .field("ranks", &T::ranks, "ranks that share the buses of a channel", in_range(1, 64))
          .field("bank_groups", &T::bank_groups, "bank groups of a rank; 1: the device has none", in_range(1, 64))
          .field("banks", &T::banks, "banks of a bank group", in_range(1, 256))
          .field("rows", &T::rows, "rows of a bank", in_range(1, 1 << 30))
          .field("columns", &T::columns, "columns of a row, each as wide as the device", in_range(1, 1 << 20))
          .field("device_width", &T::device_width, "bits of the data bus that one device drives", in_range(1, 1024))
          .field("bus_width", &T::bus_width, "bits of a channel's data bus", in_range(1, 4096))
          .field("burst_length", &T::burst_length, "beats of one column access", in_range(1, 256))
          .field("capacity", &T::capacity, "if not 0, what the figures above must multiply to")
          .field("mapping", &T::mapping,
                 "fields of the address, most significant first: row, rank, bank, bankgroup, column, channel; a colon "
                 "between two, `column:3` for so many bits of it")
          .field("bank_hash", &T::bank_hash, "exclusive-or bank and bank group with the low row bits");
  return info;
}

const ConfigInfo& DramTimings::config_info() {
  using T = DramTimings;
  static const ConfigInfo info =
      ConfigBuilder<T>("DRAM timings", "Spacings between commands, in clocks or time, named as in the JEDEC standards.")
          .field("t_ck", &T::t_ck, "clock period", in_range(Duration{1}, Duration{1'000'000}))
          .field("beats_per_clock", &T::beats_per_clock, "data beats per clock", in_range(1, 64))
          .field("t_cl", &T::t_cl, "RD to its first beat")
          .field("t_cwl", &T::t_cwl, "WR to its first beat")
          .field("t_rcd", &T::t_rcd, "ACT to RD")
          .field("t_rcd_wr", &T::t_rcd_wr, "ACT to WR")
          .field("t_rp", &T::t_rp, "PRE to ACT or REF")
          .field("t_ras", &T::t_ras, "ACT to PRE")
          .field("t_rc", &T::t_rc, "ACT to ACT of one bank")
          .field("t_rrd_s", &T::t_rrd_s, "ACT to ACT, other bank group")
          .field("t_rrd_l", &T::t_rrd_l, "ACT to ACT, same bank group")
          .field("t_faw", &T::t_faw, "the shortest window that may hold four ACT of a rank")
          .field("t_ccd_s", &T::t_ccd_s, "column to column of one kind, other bank group")
          .field("t_ccd_l", &T::t_ccd_l, "RD to RD, same bank group")
          .field("t_ccd_l_wr", &T::t_ccd_l_wr, "WR to WR, same bank group")
          .field("t_wr", &T::t_wr, "last beat written to PRE")
          .field("t_rtp", &T::t_rtp, "RD to PRE")
          .field("t_wtr_s", &T::t_wtr_s, "last beat written to RD, other bank group")
          .field("t_wtr_l", &T::t_wtr_l, "last beat written to RD, same bank group")
          .field("t_rtw", &T::t_rtw, "data bus idle between a read burst and a following write burst")
          .field("t_rtrs", &T::t_rtrs, "data bus idle between bursts of two ranks")
          .field("t_refi", &T::t_refi, "interval of REF of a rank; 0: no refresh")
          .field("t_rfc", &T::t_rfc, "REF to the next command of its rank");
  return info;
}

const ConfigInfo& DramController::config_info() {
  using T = DramController;
  static const ConfigInfo info =
      ConfigBuilder<T>("DRAM controller", "Queues, page policy and latency of a memory controller.")
          .field("read_queue", &T::read_queue, "bursts waiting to be read, per channel", in_range(1, 65536))
          .field("write_queue", &T::write_queue, "posted bursts waiting to be written, per channel", in_range(1, 65536))
          .field("write_high", &T::write_high, "posted writes that start a drain", in_range(1, 65536))
          .field("write_low", &T::write_low, "posted writes left when it ends", in_range(0, 65536))
          .field("write_idle", &T::write_idle, "posted writes are also drained once a channel was idle for so long")
          .field("page_policy", &T::page_policy, "leave rows open, or close them after their last queued access")
          .field("page_timeout", &T::page_timeout, "open policy: an unused row is closed after this; 0: never")
          .field("frontend_latency", &T::frontend_latency, "request to its first command, and to accepting a write")
          .field("backend_latency", &T::backend_latency, "last beat on the bus to data at the requester");
  return info;
}

const ConfigInfo& DramRail::config_info() {
  using T = DramRail;
  static const ConfigInfo info =
      ConfigBuilder<T>("DRAM supply", "Data-sheet currents of one device on one supply, in mA.")
          .field("volts", &T::volts, "supply voltage, V", in_range(0.0, 100.0))
          .field("idd0_ma", &T::idd0_ma, "one bank activated and precharged every tRC", in_range(0.0, 1e5))
          .field("idd2n_ma", &T::idd2n_ma, "standby, all banks precharged", in_range(0.0, 1e5))
          .field("idd3n_ma", &T::idd3n_ma, "standby, all banks active", in_range(0.0, 1e5))
          .field("idd4r_ma", &T::idd4r_ma, "reading back to back", in_range(0.0, 1e5))
          .field("idd4w_ma", &T::idd4w_ma, "writing back to back", in_range(0.0, 1e5))
          .field("idd5b_ma", &T::idd5b_ma, "refreshing back to back", in_range(0.0, 1e5));
  return info;
}

const ConfigInfo& DramPower::config_info() {
  using T = DramPower;
  static const ConfigInfo info =
      ConfigBuilder<T>("DRAM power", "What the devices draw; an energy that is not 0 replaces what the currents give.")
          .field("core", &T::core, "VDD of DDR and HBM, VDD2H of LPDDR5")
          .field("boost", &T::boost, "VPP of DDR, VDD1 of LPDDR5")
          .field("io", &T::io, "VDDQ, where the data sheet states its currents")
          .field("activate", &T::activate, "one ACT and its PRE, of the whole rank")
          .field("read_burst", &T::read_burst, "one read burst, of the whole rank")
          .field("write_burst", &T::write_burst, "one write burst, of the whole rank")
          .field("refresh", &T::refresh, "one REF, of the whole rank");
  return info;
}

const ConfigInfo& DramConfig::config_info() {
  using T = DramConfig;
  static const ConfigInfo info = ConfigBuilder<T>("DRAM", "A DRAM and its controller.")
                                     .field("organisation", &T::organisation, "how the memory is built")
                                     .field("timings", &T::timings, "spacings between commands")
                                     .field("controller", &T::controller, "the controller")
                                     .field("power", &T::power, "currents and energies");
  return info;
}

}  // namespace pagoda
