// The named DRAM presets, each figure with its source.
//
// JEDEC sells its standards; where a figure of one was not read in the standard itself, the public simulator
// that quotes it is named: gem5 (src/mem/DRAMInterface.py), Ramulator 2 (src/dram, python/ramulator/dram),
// DRAMSys (configs/memspec), DRAMsim3 (configs). Figures in clocks are the standard's nanoseconds, given in
// the comment, after its rounding. Currents are data-sheet maxima: energies come out high. Common to all:
//   t_rtrs    not in a standard: 2 clocks, as gem5 (tCS) and Ramulator 2 (nCS)
//   controller  latencies of 10 ns each way, read queue of 64: gem5 MemCtrl and its server-class interfaces
#include <array>

#include "pagoda/memory/dram_config.h"

namespace pagoda {
namespace {

constexpr Latency cycles(std::uint64_t count) { return Latency::cycles(count); }
constexpr Latency ns(std::uint64_t count) { return Latency::time(count * kNanosecond); }

/// One 64-bit channel, two ranks of eight 8 Gb x8 devices: 16 GiB.
DramConfig ddr4_2400() {
  DramConfig config;
  // JESD79-4 table 2.7 (8 Gb, x8: 4 bank groups of 4 banks, 64 Ki rows, 1 Ki columns, 1 KiB page).
  config.organisation = {};
  config.timings = {
      .t_ck = {833},  // 2400 MT/s
      .beats_per_clock = 2,
      .t_cl = cycles(17),   // speed bin 2400T, 17-17-17; Micron MT40A1G8 -083
      .t_cwl = cycles(12),  // JESD79-4 MR2, 2400 MT/s, 1 tCK preamble; Ramulator 2 DDR4
      .t_rcd = cycles(17),  // 14.16 ns
      .t_rcd_wr = cycles(17),
      .t_rp = cycles(17),    // 14.16 ns
      .t_ras = cycles(39),   // 32 ns
      .t_rc = cycles(56),    // 46.16 ns
      .t_rrd_s = cycles(4),  // max(4 nCK, 3.3 ns), 1 KiB page; JESD79-4C table 169 as in Ramulator 2
      .t_rrd_l = cycles(6),  // max(4 nCK, 4.9 ns)
      .t_faw = cycles(26),   // max(20 nCK, 21 ns)
      .t_ccd_s = cycles(4),
      .t_ccd_l = cycles(6),  // max(5 nCK, 5 ns)
      .t_ccd_l_wr = cycles(6),
      .t_wr = cycles(18),    // 15 ns
      .t_rtp = cycles(9),    // max(4 nCK, 7.5 ns)
      .t_wtr_s = cycles(3),  // max(2 nCK, 2.5 ns)
      .t_wtr_l = cycles(9),  // max(4 nCK, 7.5 ns)
      .t_rtw = cycles(2),    // RD to WR is CL - CWL + BL/2 + 2, JESD79-4 4.24.7 as in Ramulator 2
      .t_rtrs = cycles(2),
      .t_refi = ns(7800),  // up to 85 degrees Celsius
      .t_rfc = ns(350),    // tRFC1, 8 Gb
  };
  // Micron 8 Gb DDR4 data sheet Rev. N 06/18, table 148, die B, x8, 2400 (IDD0 to IDD4 also in gem5
  // DDR4_2400_8x8 and DRAMsim3). It gives IDD5R 53 mA, refresh every tREFI, from which IDD5B = IDD2N + (IDD5R
  // - IDD2N) * tREFI / tRFC.
  config.power.core = {1.2, 48, 34, 43, 135, 123, 34 + (53.0 - 34.0) * 7800 / 350};
  config.power.boost = {2.5, 3, 3, 3, 3, 3, 3};  // IPP3N 3 mA, which note 22 applies to the other states
  return config;
}

/// One 64-bit channel, two ranks of eight 8 Gb x8 devices: 16 GiB.
DramConfig ddr4_3200() {
  DramConfig config;
  config.organisation = {};  // as DDR4-2400
  config.timings = {
      .t_ck = {625},  // 3200 MT/s
      .beats_per_clock = 2,
      .t_cl = cycles(22),  // speed bin 3200AA, 22-22-22; Ramulator 2 DDR4_3200AA for all that follow
      .t_cwl = cycles(16),
      .t_rcd = cycles(22),  // 13.75 ns
      .t_rcd_wr = cycles(22),
      .t_rp = cycles(22),    // 13.75 ns
      .t_ras = cycles(52),   // 32 ns
      .t_rc = cycles(74),    // 45.75 ns
      .t_rrd_s = cycles(4),  // max(4 nCK, 2.5 ns)
      .t_rrd_l = cycles(8),  // max(4 nCK, 4.9 ns)
      .t_faw = cycles(34),   // max(20 nCK, 21 ns)
      .t_ccd_s = cycles(4),
      .t_ccd_l = cycles(8),  // max(4 nCK, 5 ns)
      .t_ccd_l_wr = cycles(8),
      .t_wr = cycles(24),     // 15 ns
      .t_rtp = cycles(12),    // max(4 nCK, 7.5 ns)
      .t_wtr_s = cycles(4),   // max(2 nCK, 2.5 ns)
      .t_wtr_l = cycles(12),  // max(4 nCK, 7.5 ns)
      .t_rtw = cycles(2),     // as DDR4-2400
      .t_rtrs = cycles(2),
      .t_refi = ns(7800),
      .t_rfc = ns(350),  // tRFC1, 8 Gb
  };
  // Micron 8 Gb DDR4, x8, 3200, as quoted by DRAMsim3 DDR4_8Gb_x8_3200.ini.
  config.power.core = {1.2, 57, 37, 52, 168, 150, 250};
  config.power.boost = {2.5, 3, 3, 3, 3, 3, 3};
  return config;
}

/// The two 32-bit channels of a DIMM, each one rank of four 16 Gb x8 devices: 16 GiB.
DramConfig ddr5_4800() {
  DramConfig config;
  // JESD79-5 addressing (16 Gb, x8: 8 bank groups of 4 banks, 64 Ki rows, 1 Ki columns); gem5 and Ramulator 2
  // agree.
  config.organisation = {.channels = 2,
                         .ranks = 1,
                         .bank_groups = 8,
                         .banks = 4,
                         .rows = 65536,
                         .columns = 1024,
                         .device_width = 8,
                         .bus_width = 32,
                         .burst_length = 16};
  config.timings = {
      .t_ck = {416},  // 4800 MT/s; JESD79-5 rounds tCK(avg) down to 0.416 ns
      .beats_per_clock = 2,
      .t_cl = cycles(40),   // speed bin 4800B, 40-39-39
      .t_cwl = cycles(38),  // CL - 2
      .t_rcd = cycles(39),  // 16 ns
      .t_rcd_wr = cycles(39),
      .t_rp = cycles(39),   // 16 ns
      .t_ras = cycles(77),  // 32 ns
      .t_rc = cycles(116),
      .t_rrd_s = cycles(8),   // 8 nCK
      .t_rrd_l = cycles(12),  // max(8 nCK, 5 ns)
      .t_faw = cycles(32),    // max(32 nCK, 13.333 ns), 1 KiB page; an SPD of such a module says the same
      .t_ccd_s = cycles(8),
      .t_ccd_l = cycles(12),     // max(8 nCK, 5 ns)
      .t_ccd_l_wr = cycles(24),  // tCCD_L_WR2, max(16 nCK, 10 ns): a full burst to a x8 device is no read-modify-write
      .t_wr = cycles(72),        // 30 ns
      .t_rtp = cycles(18),       // max(12 nCK, 7.5 ns)
      .t_wtr_s = cycles(6),      // max(4 nCK, 2.5 ns)
      .t_wtr_l = cycles(24),     // max(16 nCK, 10 ns)
      .t_rtw = cycles(4),        // JESD79-5 tCCD_RTW with read DQS offset 0, tRPST 0.5, tWPRE 2, as in Ramulator 2
      .t_rtrs = cycles(2),
      .t_refi = ns(3900),  // tREFI1, up to 85 degrees Celsius
      .t_rfc = ns(295),    // tRFC1, 16 Gb; JESD79-5 table 71
  };
  // Micron 16 Gb DDR5 die A addendum (MT60B2G8) Rev. D 02/2023, table 6, x8, 4800.
  config.power.core = {1.1, 103, 92, 142, 377, 349, 277};
  config.power.boost = {1.8, 7, 6, 7, 7, 7, 6};  // IPP2N 6, IPP3N 7; the other IPP are taken to add nothing
  return config;
}

/// Four 16-bit channels, each two ranks of one 16 Gb die in bank group mode: 16 GiB.
DramConfig lpddr5_6400() {
  DramConfig config;
  // JESD209-5 addressing (16 Gb per channel, BG mode: 4 bank groups of 4 banks, 64 Ki rows, 2 KiB page);
  // Ramulator 2. A 64-byte line is two bursts: they share a row, the bank group changes with the line.
  config.organisation = {.channels = 4,
                         .ranks = 2,
                         .bank_groups = 4,
                         .banks = 4,
                         .rows = 65536,
                         .columns = 1024,
                         .device_width = 16,
                         .bus_width = 16,
                         .burst_length = 16,
                         .mapping = "row:rank:bank:column:bankgroup:channel:column*1"};
  config.timings = {
      .t_ck = {1250},  // CK 800 MHz, WCK:CK = 4:1, 6400 MT/s
      .beats_per_clock = 8,
      .t_cl = cycles(17),   // RL set 0; gem5 LPDDR5_6400 and Ramulator 2 LPDDR5_6400, also for what follows
      .t_cwl = cycles(9),   // WL set A
      .t_rcd = cycles(15),  // max(2 nCK, 18 ns)
      .t_rcd_wr = cycles(15),
      .t_rp = cycles(15),    // tRPpb, max(2 nCK, 18 ns)
      .t_ras = cycles(34),   // max(3 nCK, 42 ns)
      .t_rc = cycles(49),    // tRAS + tRPpb
      .t_rrd_s = cycles(4),  // max(2 nCK, 5 ns)
      .t_rrd_l = cycles(4),
      .t_faw = cycles(16),   // 20 ns in bank group mode
      .t_ccd_s = cycles(2),  // BL/n_min of BL16
      .t_ccd_l = cycles(4),  // BL/n_max of BL16
      .t_ccd_l_wr = cycles(4),
      .t_wr = cycles(28),     // max(3 nCK, 34 ns)
      .t_rtp = cycles(6),     // max(2 nCK, 7.5 ns); gem5 subtracts 2 nCK, Ramulator 2 adds 2
      .t_wtr_s = cycles(5),   // max(4 nCK, 6.25 ns)
      .t_wtr_l = cycles(10),  // max(4 nCK, 12 ns)
      .t_rtw = cycles(1),     // RL + BL/n + tWCKDQO/tCK - WL, as in gem5
      .t_rtrs = cycles(2),
      .t_refi = ns(3906),  // 32 ms / 8192
      .t_rfc = ns(280),    // tRFCab, 16 Gb
  };
  // Micron Y52P LPDDR5X data sheet (MT62F1G32D2 family) Rev. H 03/2025, table 18, 16 Gb die, x16, BG mode, at
  // 7500 MT/s. What bursts draw above standby is scaled by 6400/7500: the same energy per bit.
  constexpr double kRate = 6400.0 / 7500.0;
  config.power.core = {1.05, 53, 32.5, 40, 40 + (390 - 40) * kRate, 40 + (265 - 40) * kRate, 205};
  config.power.boost = {1.8, 3.8, 1.5, 2.8, 2.8 + (18.0 - 2.8) * kRate, 2.8 + (16.5 - 2.8) * kRate, 1.5};
  config.power.io = {0.5, 0.6, 0.6, 0.6, 0.6 + (111.9 - 0.6) * kRate, 0.6, 0.6};
  return config;
}

/// The 16 pseudo channels of one 16 GiB stack at 3.2 Gb/s per pin.
DramConfig hbm2e() {
  DramConfig config;
  // JESD235C pseudo channel mode: 64 bits, BL4, 1 KiB page. 4 bank groups of 4 banks on each of two stack
  // levels, which are counted as bank groups, as DRAMSys does.
  config.organisation = {.channels = 16,
                         .ranks = 1,
                         .bank_groups = 8,
                         .banks = 4,
                         .rows = 32768,
                         .columns = 128,
                         .device_width = 64,
                         .bus_width = 64,
                         .burst_length = 4,
                         .mapping = "row:rank:bank:column:bankgroup:channel:column*1"};
  // JESD235 leaves the array timings to the vendors, and none has published those of a HBM2E part. These are
  // the nanoseconds of the HBM2 part in gem5 HBM_2000_4H_1x64 and DRAMSys HBM2.json at the HBM2E clock,
  // unless said.
  config.timings = {
      .t_ck = {625},  // 1.6 GHz, 3200 MT/s, JESD235C
      .beats_per_clock = 2,
      .t_cl = ns(18),
      .t_cwl = cycles(8),  // the longest that JESD235C programs, 5 ns
      .t_rcd = ns(12),     // tRCDRD
      .t_rcd_wr = ns(6),   // tRCDWR
      .t_rp = ns(14),
      .t_ras = ns(28),
      .t_rc = ns(42),
      .t_rrd_s = ns(4),
      .t_rrd_l = ns(6),
      .t_faw = ns(16),
      .t_ccd_s = cycles(2),  // BL/2
      .t_ccd_l = cycles(4),  // JESD235C, high frequencies; MemPool's HBM2E memspec for DRAMSys
      .t_ccd_l_wr = cycles(4),
      .t_wr = ns(14),
      .t_rtp = ns(5),
      .t_wtr_s = ns(4),
      .t_wtr_l = ns(9),
      .t_rtw = ns(5),  // tRTW 18 at RL 18, WL 7 and 2 clocks of burst leaves the bus idle for 5
      .t_rtrs = cycles(2),
      .t_refi = ns(3900),  // JESD235
      .t_rfc = ns(350),    // JESD235, 8 Gb per pseudo channel, as quoted by Ramulator 2
  };
  // Standby and refresh: half of the currents that DRAMsim3 HBM2_8Gb_x128.ini has for the two pseudo channels
  // of a channel. Activation and data: O'Connor et al., "Fine-Grained DRAM", MICRO-50 2017, table 3 (HBM2):
  // 909 pJ per row of 1 KiB; 1.51 + 1.17 pJ/bit on the die and 0.80 pJ/bit of I/O at half the bits toggling.
  config.power.core = {1.2, 0, 20, 27.5, 0, 0, 125};
  config.power.boost = {};
  config.power.activate = {909e-12};
  config.power.read_burst = {3.48e-12 * 256};
  config.power.write_burst = {3.48e-12 * 256};
  return config;
}

}  // namespace

std::span<const DramPreset> dram_presets() {
  static const std::array presets{
      DramPreset{"DDR4-2400", "one channel, two ranks of 8 Gb x8 devices, 17-17-17", ddr4_2400()},
      DramPreset{"DDR4-3200", "one channel, two ranks of 8 Gb x8 devices, 22-22-22", ddr4_3200()},
      DramPreset{"DDR5-4800", "the two channels of a DIMM, one rank of 16 Gb x8 devices, 40-39-39", ddr5_4800()},
      DramPreset{"LPDDR5-6400", "four 16-bit channels, two ranks of 16 Gb dies, bank group mode", lpddr5_6400()},
      DramPreset{"HBM2E", "the 16 pseudo channels of a 16 GiB stack at 3.2 Gb/s per pin", hbm2e()},
  };
  return presets;
}

const DramPreset* find_dram_preset(std::string_view name) {
  for (const DramPreset& preset : dram_presets()) {
    if (preset.name == name) return &preset;
  }
  return nullptr;
}

}  // namespace pagoda
