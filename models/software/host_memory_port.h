// How software of the host, or a network adapter on its behalf, reaches the bytes of physical memory, and what that
// takes: reads and writes of any length through a socket, accounted as migration's traffic. Not bound: no time.
#pragma once

#include "pagoda/base/downlink.h"
#include "pagoda/memory/physical_memory.h"

namespace pagoda {

class HostMemoryPort {
 public:
  explicit HostMemoryPort(PhysicalMemory& memory) : memory_(memory) {}

  void bind(Downlink::Below& below) { below_.bind(below); }

  /// Of bytes within 4 KiB; when it is done. Throws UserError if memory refuses it.
  Ps access(Addr address, std::uint32_t bytes, AccessKind kind, Ps at);
  /// The same by the thread that calls, which waits for it.
  void read(Addr address, std::uint32_t bytes) { wait_for(access(address, bytes, AccessKind::read, kernel_now())); }
  void write(Addr address, std::uint32_t bytes) { wait_for(access(address, bytes, AccessKind::write, kernel_now())); }
  unsigned char* data(Addr address) { return memory_.data(address); }

  std::uint64_t& bytes_read() { return read_; }
  std::uint64_t& bytes_written() { return written_; }

 private:
  static void wait_for(Ps done);

  PhysicalMemory& memory_;
  Downlink below_;
  TimeSplit time_;
  Fault fault_;
  std::uint64_t read_ = 0, written_ = 0;
};

}  // namespace pagoda
