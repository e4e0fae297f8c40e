// SHA-256 against the examples of FIPS 180-4 (NIST, Secure Hash Standard, example values).
#include "sc_main/sweep/digest.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

#include "pagoda/base/error.h"

namespace pagoda::digest_test {

TEST(Digest, OfTexts) {
  EXPECT_EQ(digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Digest, OfFiles) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("pagoda-digest-" + std::to_string(getpid()));
  std::ofstream(file) << std::string(1'000'000, 'a');
  EXPECT_EQ(digest_of_file(file), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  std::filesystem::remove(file);
  EXPECT_THROW(digest_of_file(file), UserError);
}

}  // namespace pagoda::digest_test
