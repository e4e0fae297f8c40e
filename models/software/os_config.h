// The parameters of the operating system and of hypervisors below it.
//
// Defaults and their sources:
//
// - Minor fault 250 ns: about 1 us measured in all, less the zeroing that is charged by size (745 ns for 4 KiB).
//   Measured is what one access lost, entry and return included: 1,013 ns, the median of first touches of an anonymous
//   4 KiB page, Linux 6.6, Core i7 of the 11th generation (ddumbying.vercel.app/experiments/pagefault-latency). Those
//   touches are loads, for which Linux may map a page that is zero already, so the total is rather low than high.
// - Zeroing 5.5 GB/s: 2 MiB in 378 us (Kwon et al., "Coordinated and efficient huge page management with Ingens", OSDI
//   2016).
// - Major fault 77 us: typical 4 KiB read of an Intel SSD DC P4510 (product brief).
// - Shootdown IPI 1.3 us and handler 1.3 us: an IPI and its acknowledgement take about 2.7 us on two sockets (Kumar et
//   al., "LATR: lazy translation coherence", ASPLOS 2018).
// - Broadcast 500 ns: a round figure for an invalidation that all cores carry out in hardware (Power tlbie and tlbsync,
//   Arm TLBI of the inner shareable domain), from issue to completion.
// - VM exit 250 ns: 784 cycles there and back at 3.1 GHz on Sandy Bridge (Agesen et al., "Software techniques for
//   avoiding hardware virtualization exits", USENIX ATC 2012).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/paging/stage.h"
#include "pagoda/software/frame_allocator.h"

namespace pagoda {

enum class Paging : std::uint8_t { premapped, demand };
BOOST_DESCRIBE_ENUM(Paging, premapped, demand)

enum class FlagSetting : std::uint8_t { preset, hardware, software };
BOOST_DESCRIBE_ENUM(FlagSetting, preset, hardware, software)

enum class ChurnKind : std::uint8_t { unmap, protect };
BOOST_DESCRIBE_ENUM(ChurnKind, unmap, protect)

/// Pages that the operating system takes away or write-protects again and again, as a garbage collector, page cache or
/// copy-on-write does; each time translations are shot down on every core of the process.
struct ChurnConfig {
  Duration interval{10 * kMicrosecond};
  std::uint32_t pages = 1;
  ChurnKind kind = ChurnKind::unmap;

  static const ConfigInfo& config_info();
};

struct ShootdownConfig {
  Duration ipi{1'300'000};
  Duration handler{1'300'000};
  std::uint32_t full_flush_above = 33;  ///< Linux tlb_single_page_flush_ceiling
  bool broadcast = false;
  Duration broadcast_latency{500 * kNanosecond};

  static const ConfigInfo& config_info();
};

struct OsConfig {
  std::string format = "x86-64-4";
  Paging paging = Paging::premapped;
  Bytes page_size{4096};
  FrameConfig frames;
  FlagSetting flags = FlagSetting::preset;
  Duration minor_fault{250'000};
  Bandwidth zeroing{5.5e9};
  double major_faults = 0;
  Duration major_fault{77'000'000};
  ShootdownConfig shootdown;
  std::optional<ChurnConfig> churn;

  static const ConfigInfo& config_info();
};

/// A hypervisor: one more translation stage below the operating system. The first is the one the guest runs on.
struct HypervisorConfig {
  std::string format = "ept-4";
  Bytes memory{std::uint64_t{8} << 30};
  Paging paging = Paging::premapped;
  Bytes page_size{4096};
  FrameConfig frames;
  FlagSetting flags = FlagSetting::preset;
  Duration exit{250'000};
  Duration minor_fault{250'000};

  static const ConfigInfo& config_info();
};

/// The controls of a stage whose flags are set as `setting` says.
StageControls controls_for(const PageFormat& format, FlagSetting setting);

}  // namespace pagoda
