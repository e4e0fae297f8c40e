// A sink into a string, for what writes traces.
#pragma once

#include <string>
#include <string_view>

#include "pagoda/workload/file_writer.h"

namespace pagoda::testing {

class StringSink final : public ByteSink {
 public:
  explicit StringSink(std::string& to) : to_(&to) {}
  void write(std::string_view bytes) override { to_->append(bytes); }
  void finish() override {}

 private:
  std::string* to_;
};

}  // namespace pagoda::testing
