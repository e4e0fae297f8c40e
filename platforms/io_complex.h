// The devices of a platform, their links and their IOMMU, wired up, and what software has set up before the simulation.
//
//   devices -> link (each) -> IOMMU -> the bus
//
// A device that is translated has page tables of its own, in the format and with the page sizes of the operating
// system, that map its traffic's region; x86-64 tables are the IOMMU's custom mode. Its device context, the directory
// and the tables are real bytes in memory. With sharing (secure_io.h) tables map what tenants share instead.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "pagoda/devices/dma_engine.h"
#include "pagoda/devices/dma_stream.h"
#include "pagoda/interconnect/bus.h"
#include "pagoda/interconnect/io_link.h"
#include "pagoda/iommu/iommu.h"
#include "pagoda/software/io_directories.h"
#include "pagoda/software/os.h"
#include "platforms/dma_pattern.h"
#include "platforms/io_config.h"
#include "platforms/secure_io.h"

namespace pagoda {

/// The module `io`: its statistics are what devices have moved.
class IoComplex final : public Module {
 public:
  IoComplex(const sc_core::sc_module_name& name, const IoConfig& config, Os& os, Bus& bus, std::uint64_t seed);
  ~IoComplex() override;

  std::size_t devices() const { return devices_.size(); }
  /// Calls back for each device when its transfers have ended, and when the first `count` of them have.
  void on_finish(const std::function<void()>& callback);
  void call_after(std::uint64_t count, const std::function<void()>& callback);
  /// Statistics count from here on.
  void start_measuring(Ps at) { measured_from_ = at; }

  std::uint64_t transfers() const;
  double progress() const;
  Ps end_time() const;
  void rethrow_failure() const;
  /// Throws InvariantError.
  void check_invariants() const;

  void visit_stats(StatVisitor& visitor) override;

 private:
  struct Device;

  void start_of_simulation() override;
  void build(const DeviceConfig& config, std::uint32_t requester, const std::string& name, std::uint64_t seed,
             Bus& bus);
  void give_tables(const DeviceConfig& config, std::uint32_t requester);
  void give_shared_tables(std::uint32_t requester, bool has_atc);
  void set_context(std::uint32_t requester, Os::ProcessId process, bool has_atc);

  tlm_utils::simple_initiator_socket_optional<IoComplex> registers_{"registers"};
  Os& os_;
  std::unique_ptr<Iommu> iommu_;
  std::unique_ptr<DeviceDirectoryTable> directory_;
  std::unique_ptr<SecureIo> secure_;  // if pages are shared
  std::vector<std::unique_ptr<Device>> devices_;
  Ps measured_from_ = 0;
};

}  // namespace pagoda
