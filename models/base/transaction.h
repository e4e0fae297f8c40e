// Payloads of Pagoda's own initiators, reused.
#pragma once

#include <memory>
#include <vector>

#include <tlm>

#include "pagoda/base/attributes.h"

namespace pagoda {

/// A generic payload with its attributes.
class Transaction {
 public:
  tlm::tlm_generic_payload payload;
  Attributes attributes;

  Transaction() { payload.set_extension(&attributes); }
  ~Transaction() { payload.clear_extension(&attributes); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  /// Makes it a fresh request, whatever it was before. With `data` null the access is timing-only.
  void prepare(tlm::tlm_command command, Addr address, unsigned length, unsigned char* data) {
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_length(length);
    payload.set_streaming_width(length);
    payload.set_data_ptr(data);
    payload.set_byte_enable_ptr(nullptr);
    payload.set_dmi_allowed(false);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    payload.set_byte_enable_length(0);
    attributes.info() = {};
    attributes.timing_only = data == nullptr;
    attributes.keeps_time = false;
    attributes.fault = {};
    attributes.time = {};
  }

 private:
  friend class TransactionPool;
  Transaction* next_free_ = nullptr;
};

/// Transactions for use inside b_transport. A module needs more than one at a time only if a component below it waits
/// inside its b_transport, as TLM-2.0 allows, and another initiator comes along meanwhile, or for a part of its work.
class TransactionPool {
 public:
  class Lease {
   public:
    Lease(TransactionPool& pool, Transaction* transaction) : pool_(pool), transaction_(transaction) {}
    ~Lease() { pool_.give_back(transaction_); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Transaction* operator->() const { return transaction_; }
    Transaction& operator*() const { return *transaction_; }

   private:
    TransactionPool& pool_;
    Transaction* transaction_;
  };

  Lease lease() {
    Transaction* const free = free_;
    if (free == nullptr) return {*this, all_.emplace_back(std::make_unique<Transaction>()).get()};
    free_ = free->next_free_;
    return {*this, free};
  }

 private:
  void give_back(Transaction* transaction) {
    transaction->next_free_ = free_;
    free_ = transaction;
  }

  std::vector<std::unique_ptr<Transaction>> all_;
  Transaction* free_ = nullptr;
};

}  // namespace pagoda
