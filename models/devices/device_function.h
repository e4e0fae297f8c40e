// What a device does: registers in front, transfers behind. DmaEngine is the shell around it.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/devices/agenda.h"
#include "pagoda/devices/dma_channel.h"
#include "pagoda/devices/interrupt_sink.h"

namespace pagoda {

/// What a function works with.
class DeviceServices {
 public:
  virtual ~DeviceServices() = default;
  virtual DmaChannel& channel() = 0;
  /// Kernel time: nothing is asked about a time before it any more.
  virtual Ps floor() const = 0;
  /// Has a task run at a time; from anywhere, also outside the device's own tasks.
  virtual void post(Ps at, AgendaTask& task) = 0;
  /// Tells the sink, if there is one.
  virtual void raise_interrupt(std::uint32_t vector, Ps at) = 0;
  /// The function has done all that it will do; its last work ended at `at`.
  virtual void finish(Ps at) = 0;
};

class DeviceFunction {
 public:
  virtual ~DeviceFunction() = default;

  /// Before the simulation starts. Once.
  virtual void attach(DeviceServices& services) = 0;
  /// A register of 8 bytes at an offset that is a multiple of 8; none there: nothing.
  virtual std::optional<std::uint64_t> read_register(Addr /*offset*/, Ps /*at*/) { return std::nullopt; }
  /// Likewise; false if there is none. What it sets going is posted: this does not run as a task of the device.
  virtual bool write_register(Addr /*offset*/, std::uint64_t /*value*/, Ps /*at*/) { return false; }

  virtual void visit_stats(StatVisitor& /*visitor*/) {}
  virtual void visit_probes(ProbeVisitor& /*visitor*/) {}
};

}  // namespace pagoda
