#ifndef PAGESTALL_TEST_TEMPORARY_DIRECTORY_H_
#define PAGESTALL_TEST_TEMPORARY_DIRECTORY_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace pagestall {

// A directory of a test's own, below the build directory, so on the disk that
// holds it; removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = PAGESTALL_TEST_DIRECTORY "/XXXXXX";
    std::filesystem::create_directories(PAGESTALL_TEST_DIRECTORY);
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string path(const std::string& name = "") const {
    return name.empty() ? path_ : path_ + "/" + name;
  }

  // Writes a file and returns its path.
  std::string Write(const std::string& name,
                    const std::vector<uint8_t>& bytes) const {
    std::ofstream file(path(name), std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    file.close();
    EXPECT_TRUE(file) << "write " << path(name);
    return path(name);
  }

 private:
  std::string path_;
};

}  // namespace pagestall

#endif  // PAGESTALL_TEST_TEMPORARY_DIRECTORY_H_
