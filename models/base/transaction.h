// Payloads of Pagoda's own initiators, reused.
#pragma once

#include <memory>
#include <vector>

#include <tlm>

#include "pagoda/base/attributes.h"

namespace pagoda {

/// A generic payload with its attributes.
struct Transaction {
  tlm::tlm_generic_payload payload;
  Attributes attributes;

  Transaction() { payload.set_extension(&attributes); }
  ~Transaction() { payload.clear_extension(&attributes); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// Makes it a fresh request. With `data` null the access is timing-only.
  void prepare(tlm::tlm_command command, Addr address, unsigned length, unsigned char* data) {
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_length(length);
    payload.set_streaming_width(length);
    payload.set_data_ptr(data);
    payload.set_byte_enable_ptr(nullptr);
    payload.set_dmi_allowed(false);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    attributes.timing_only = data == nullptr;
    attributes.fault = {};
    attributes.time = {};
  }
};

/// Transactions for use inside b_transport. A module needs more than one at a time only if a component below
/// it waits inside its b_transport, as TLM-2.0 allows, and another initiator comes along meanwhile.
class TransactionPool {
 public:
  class Lease {
   public:
    Lease(TransactionPool& pool, std::unique_ptr<Transaction> transaction)
        : pool_(pool), transaction_(std::move(transaction)) {}
    ~Lease() { pool_.free_.push_back(std::move(transaction_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Transaction* operator->() const { return transaction_.get(); }
    Transaction& operator*() const { return *transaction_; }

   private:
    TransactionPool& pool_;
    std::unique_ptr<Transaction> transaction_;
  };

  Lease lease() {
    if (free_.empty()) return {*this, std::make_unique<Transaction>()};
    std::unique_ptr<Transaction> transaction = std::move(free_.back());
    free_.pop_back();
    return {*this, std::move(transaction)};
  }

 private:
  std::vector<std::unique_ptr<Transaction>> free_;
};

}  // namespace pagoda
