// What ended a simulated thread early. An exception must not leave an SC_THREAD: the kernel would report it as its own.
// It is kept instead, the simulation stops, and whoever started it has the exception thrown again.
#pragma once

#include <exception>
#include <utility>

#include <systemc>

namespace pagoda {

class ThreadFailure {
 public:
  /// Runs the body of a thread and keeps what it throws.
  template <class Body>
  void guard(Body&& body) {
    try {
      std::forward<Body>(body)();
    } catch (const sc_core::sc_unwind_exception&) {
      throw;  // the kernel ends this thread
    } catch (...) {
      failure_ = std::current_exception();
      sc_core::sc_stop();
    }
  }

  /// Throws what ended the thread, if anything did.
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::exception_ptr failure_;
};

}  // namespace pagoda
