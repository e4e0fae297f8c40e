// Software that keeps devices away from pages for a while, again and again, as migration, reclaim and introspection do:
// what it takes, by which means, and whether it holds.
//
// Models: episodes on a range of pages that a process shares with devices. The means, of which the first three are what
// systems without control of DMA in page-table entries have:
//   identical     CPU and devices have the same rights: the pages are taken out of the shared tables, and programs wait
//   mirrored      devices have tables of their own, kept in step with the process's, from which the pages are taken
//   block_device  all DMA of the devices is blocked
//   shared_pte    fields of the shared entries that only the IOMMU heeds
// The invariant, checked for every request that the IOMMU lets through: none that the episode forbids, from when its
// beginning is complete until its end begins.
#pragma once

#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/base/thread_failure.h"
#include "pagoda/iommu/iommu.h"
#include "pagoda/software/io_driver.h"
#include "pagoda/software/os.h"

namespace pagoda {

enum class ControlMethod : std::uint8_t { identical, mirrored, block_device, shared_pte };
BOOST_DESCRIBE_ENUM(ControlMethod, identical, mirrored, block_device, shared_pte)
enum class ControlPolicy : std::uint8_t { deny, deny_write, copy_on_read };
BOOST_DESCRIBE_ENUM(ControlPolicy, deny, deny_write, copy_on_read)

struct IoControlConfig {
  ControlMethod method = ControlMethod::shared_pte;
  ControlPolicy policy = ControlPolicy::deny;
  std::uint32_t pages = 16;
  Duration interval{20 * kMicrosecond};
  Duration hold{20 * kMicrosecond};

  static const ConfigInfo& config_info();
};

class IoControl final : public Module {
 public:
  /// Whose pages these are.
  struct Region {
    Os::ProcessId process;
    Addr base;
    std::uint64_t bytes;
    IoDomain* domain;
    std::vector<std::uint32_t> requesters;
    Processor* processor;  ///< that the software runs on
  };

  IoControl(const sc_core::sc_module_name& name, const IoControlConfig& config, Os& os, IoDriver& driver, Iommu& iommu,
            const Region& region, std::uint64_t seed);

  /// Throws InvariantError if a device has reached what it must not.
  void check_invariants() const;
  /// Throws what ended its thread early, if anything did.
  void rethrow_failure() const { failure_.rethrow(); }

  void visit_stats(StatVisitor& visitor) override;

 private:
  struct Page {
    Addr address;  // as programs and devices know it
    Addr frame;
  };

  void run();
  void run_episodes();
  Addr pick();
  void begin(Addr first, Ps until);
  void end(Addr first);
  void wait_until(Ps time);
  void observe(const IommuRequest& request, const IommuAnswer& answer);
  bool forbidden(const IommuRequest& request, const IommuAnswer& answer) const;
  std::uint64_t range_bytes() const { return std::uint64_t{config_.pages} << kPageShift; }

  IoControlConfig config_;
  Os& os_;
  IoDriver& driver_;
  Region region_;
  std::uint64_t random_;
  std::vector<Page> blocked_;  // while it is to hold
  ThreadFailure failure_;
  std::uint64_t episodes_ = 0, let_through_ = 0;
  Distribution block_latency_, unblock_latency_;
  Probe blocked_probe_;
};

}  // namespace pagoda
