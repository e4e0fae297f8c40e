// What describes a DRAM memory and its controller: plain aggregates with defaults, their validation, and
// named presets.
//
// The defaults are those of the preset DDR4-3200. A timing parameter carries the name it has in the JEDEC
// standards (JESD79-4 DDR4, JESD79-5 DDR5, JESD209-5 LPDDR5, JESD235 HBM), t_ccd_l for tCCD_L, and is a
// number of clocks or a duration; a duration is rounded to clocks as the standards prescribe (dram_clocks.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

/// How the memory is built. Every count is a power of two.
struct DramOrganisation {
  std::uint32_t channels = 1;      ///< independent channels, each with its own buses and controller
  std::uint32_t ranks = 2;         ///< ranks that share the buses of a channel
  std::uint32_t bank_groups = 4;   ///< per rank; 1: the device has none
  std::uint32_t banks = 4;         ///< per bank group
  std::uint32_t rows = 65536;      ///< per bank
  std::uint32_t columns = 1024;    ///< per row, each as wide as the device
  std::uint32_t device_width = 8;  ///< bits of the data bus that one device drives
  std::uint32_t bus_width = 64;    ///< bits of a channel's data bus
  std::uint32_t burst_length = 8;  ///< beats of one column access
  Bytes capacity{};                ///< if not 0, what the figures above must multiply to

  /// Which address bits select what, see DramAddressMap.
  std::string mapping = "row:rank:bank:column:bankgroup:channel";
  /// Exclusive-or the bank and bank group with the low row bits, so that strides do not hammer one bank
  /// (permutation-based page interleaving, Zhang, Zhu and Zhang, MICRO 2000).
  bool bank_hash = false;

  static const ConfigInfo& config_info();
};

struct DramTimings {
  Duration t_ck{625};                         ///< clock period
  std::uint32_t beats_per_clock = 2;          ///< data beats per clock: 2, or 8 for LPDDR5 with WCK:CK = 4:1
  Latency t_cl = Latency::cycles(22);         ///< RD to its first beat
  Latency t_cwl = Latency::cycles(16);        ///< WR to its first beat
  Latency t_rcd = Latency::cycles(22);        ///< ACT to RD
  Latency t_rcd_wr = Latency::cycles(22);     ///< ACT to WR
  Latency t_rp = Latency::cycles(22);         ///< PRE to ACT or REF
  Latency t_ras = Latency::cycles(52);        ///< ACT to PRE
  Latency t_rc = Latency::cycles(74);         ///< ACT to ACT of one bank
  Latency t_rrd_s = Latency::cycles(4);       ///< ACT to ACT, other bank group
  Latency t_rrd_l = Latency::cycles(8);       ///< ACT to ACT, same bank group
  Latency t_faw = Latency::cycles(34);        ///< the shortest window that may hold four ACT of a rank
  Latency t_ccd_s = Latency::cycles(4);       ///< column to column of one kind, other bank group
  Latency t_ccd_l = Latency::cycles(8);       ///< RD to RD, same bank group
  Latency t_ccd_l_wr = Latency::cycles(8);    ///< WR to WR, same bank group
  Latency t_wr = Latency::cycles(24);         ///< last beat written to PRE
  Latency t_rtp = Latency::cycles(12);        ///< RD to PRE
  Latency t_wtr_s = Latency::cycles(4);       ///< last beat written to RD, other bank group
  Latency t_wtr_l = Latency::cycles(12);      ///< last beat written to RD, same bank group
  Latency t_rtw = Latency::cycles(2);         ///< data bus idle between a read burst and a following write burst
  Latency t_rtrs = Latency::cycles(2);        ///< data bus idle between bursts of two ranks
  Latency t_refi = Latency::time(7'800'000);  ///< interval of REF of a rank; 0: no refresh
  Latency t_rfc = Latency::time(350'000);     ///< REF to the next command of its rank

  static const ConfigInfo& config_info();
};

enum class DramPagePolicy : std::uint8_t {
  open,   ///< a row stays open until another row of the bank is wanted, its time-out passes or the rank
          ///< refreshes
  closed  ///< a row is precharged with its last access that was in the queue when the access before it went
          ///< out
};
BOOST_DESCRIBE_ENUM(DramPagePolicy, open, closed)

struct DramController {
  std::uint32_t read_queue = 64;   ///< bursts waiting for their RD, per channel
  std::uint32_t write_queue = 64;  ///< posted bursts waiting for their WR, per channel
  std::uint32_t write_high = 48;   ///< a drain of posted writes starts when so many wait
  std::uint32_t write_low = 16;    ///< and ends when no more than these are left
  Duration write_idle{100'000};    ///< posted writes are also drained once a channel was idle for so long
  DramPagePolicy page_policy = DramPagePolicy::open;
  Duration page_timeout{0};           ///< open policy: an unused row is precharged after this; 0: never
  Duration frontend_latency{10'000};  ///< request at the controller to its first command, and to accepting a write
  Duration backend_latency{10'000};   ///< last beat on the bus to data at the requester's port

  static const ConfigInfo& config_info();
};

/// The data-sheet currents of one device on one supply. A current that is not published for a supply is best
/// given the value of the state it is measured on top of (IDD2N or IDD3N), which makes its part of the energy
/// zero.
struct DramRail {
  double volts = 0;
  double idd0_ma = 0;   ///< one bank activated and precharged every tRC
  double idd2n_ma = 0;  ///< standby, all banks precharged
  double idd3n_ma = 0;  ///< standby, all banks active
  double idd4r_ma = 0;  ///< reading back to back
  double idd4w_ma = 0;  ///< writing back to back
  double idd5b_ma = 0;  ///< refreshing back to back, REF every tRFC

  static const ConfigInfo& config_info();
};

/// What the devices draw, see dram_energy.h for how it becomes energy per operation. An energy that is not 0
/// replaces what the currents would give; it is that of the whole rank.
struct DramPower {
  DramRail core{1.2, 57, 37, 52, 168, 150, 250};  ///< VDD of DDR and HBM, VDD2H of LPDDR5
  DramRail boost{2.5, 3, 3, 3, 3, 3, 3};          ///< VPP of DDR, VDD1 of LPDDR5
  DramRail io{};                                  ///< VDDQ, where the data sheet states its currents
  Energy activate{};                              ///< one ACT and its PRE
  Energy read_burst{};
  Energy write_burst{};
  Energy refresh{};  ///< one REF

  static const ConfigInfo& config_info();
};

struct DramConfig {
  DramOrganisation organisation;
  DramTimings timings;
  DramController controller;
  DramPower power;

  static const ConfigInfo& config_info();
};

/// Bytes that one column access transfers.
std::uint64_t burst_bytes(const DramOrganisation& organisation);
/// Bytes of all channels together: the product of the organisation's figures.
std::uint64_t capacity_bytes(const DramOrganisation& organisation);

/// A mistake in a DramConfig: the field, what is wrong with it, and what is allowed.
struct DramProblem {
  std::string path;  ///< as `organisation.rows`
  std::string problem;
  std::string allowed;
};

/// Everything that is wrong with `config`; empty if a DramTiming can be built from it.
std::vector<DramProblem> find_problems(const DramConfig& config);

struct DramPreset {
  std::string_view name;
  std::string_view summary;
  DramConfig config;
};

/// DDR4-2400, DDR4-3200, DDR5-4800, LPDDR5-6400, HBM2E; dram_presets.cc names the source of each figure.
std::span<const DramPreset> dram_presets();

/// The preset of that name, or nullptr.
const DramPreset* find_dram_preset(std::string_view name);

}  // namespace pagoda
