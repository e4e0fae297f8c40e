// The devices of a platform, their links and their IOMMU, wired up, and what software has set up before the simulation.
//
//   devices -> link (each) -> IOMMU -> the bus
//
// The IOMMU translates for a device by page tables that map its traffic's region: those of a core's process, or of a
// process of its own, in the format and with the page sizes of the operating system; x86-64 tables are the IOMMU's
// custom mode. The driver sets all of it up as real bytes and register writes before time begins. With
// sharing (secure_io.h) tables map what tenants share instead, and the sharing agent programs the IOMMU.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "pagoda/devices/dma_engine.h"
#include "pagoda/interconnect/bus.h"
#include "pagoda/interconnect/io_link.h"
#include "pagoda/iommu/iommu.h"
#include "pagoda/software/io_driver.h"
#include "pagoda/software/os.h"
#include "platforms/dma_pattern.h"
#include "platforms/io_config.h"
#include "platforms/secure_io.h"

namespace pagoda {

class MigrationRig;

/// The module `io`: its statistics are what devices have moved.
class IoComplex final : public Module {
 public:
  /// A core, and what it runs.
  struct Program {
    Os::ProcessId process;
    Processor* processor;
  };

  IoComplex(const sc_core::sc_module_name& name, const IoConfig& config, Os& os, Bus& bus,
            const std::vector<Program>& programs, MigrationRig* migration, std::uint64_t seed);
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

  void build(const DeviceConfig& config, std::uint32_t requester, const std::string& name, std::uint64_t seed,
             Bus& bus);
  void build_control(const IoControlConfig& config, const std::vector<DeviceConfig>& groups, std::uint64_t seed);
  void attach(const DeviceConfig& config, std::uint32_t requester);
  IoDomain& domain_of(const DeviceConfig& config);
  IoDomain& migrating_domain(const DeviceConfig& config);
  void give_shared_tables(std::uint32_t requester, bool has_atc);
  void start_of_simulation() override;

  Os& os_;
  std::vector<Program> programs_;
  MigrationRig* migration_;         // of what devices share, if it migrates
  IoDomain* migrating_ = nullptr;   // then: what translates its addresses
  IoDomain* own_domain_ = nullptr;  // and devices' traffic of their own
  bool mirrors_;                    // tables that follow a core's process, instead of the process's
  std::unique_ptr<Iommu> iommu_;
  std::unique_ptr<IoDriver> driver_;
  std::unique_ptr<IoControl> control_;
  std::map<std::uint32_t, IoDomain*> shared_;  // by core
  // With sharing.
  std::unique_ptr<SecureIo> secure_;
  std::unique_ptr<DeviceDirectoryTable> directory_;
  tlm_utils::simple_initiator_socket_optional<IoComplex> registers_{"registers"};
  std::vector<std::unique_ptr<Device>> devices_;
  Ps measured_from_ = 0;
};

}  // namespace pagoda
