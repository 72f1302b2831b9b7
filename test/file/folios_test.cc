// In how many pieces the page cache holds a file.

#include "lib/file/folios.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "lib/file/mapping.h"
#include "lib/file/page_cache.h"
#include "test/on_disk.h"
#include "test/page.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

constexpr size_t kPages = 1024;

class FoliosTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_IF_IN_MEMORY(directory_.path());
    auto file = File::Open(
        directory_.Write("file", std::vector<uint8_t>(kPages * kPage, 1)),
        O_RDONLY);
    ASSERT_THAT(file, IsOk());
    file_ = std::make_unique<File>(*std::move(file));
    ASSERT_THAT(Evict(*file_), IsOk());
    if (const auto folios = CountFolios(*file_);
        absl::IsPermissionDenied(folios.status()) ||
        absl::IsUnimplemented(folios.status())) {
      GTEST_SKIP() << folios.status();
    }
    ASSERT_THAT(Evict(*file_), IsOk());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<File> file_;
};

TEST_F(FoliosTest, PagesThatAreReadOneByOneAreAFolioEach) {
  const auto left = CountResident(*file_);
  ASSERT_THAT(left, IsOk());
  ASSERT_TRUE(left->none());
  ASSERT_THAT(file_->Advise(POSIX_FADV_RANDOM), IsOk());
  std::vector<uint8_t> page(kPage);
  for (size_t i = 0; i < kPages; ++i) {
    ASSERT_THAT(file_->Read(absl::MakeSpan(page), i * kPage), IsOk());
  }
  const auto folios = CountFolios(*file_);
  ASSERT_THAT(folios, IsOk());
  EXPECT_EQ(folios->pages, kPages);
  EXPECT_EQ(folios->folios, kPages);
}

TEST_F(FoliosTest, EveryPageIsOfAFolio) {
  const auto mapping = Mapping::Map(*file_);
  ASSERT_THAT(mapping, IsOk());
  AdviseHugePages(mapping->bytes()).IgnoreError();
  ASSERT_THAT(PopulateRead(mapping->bytes()), IsOk());
  const auto folios = CountFolios(*file_);
  ASSERT_THAT(folios, IsOk());
  EXPECT_EQ(folios->pages, kPages);
  EXPECT_GE(folios->folios, 2u);
  EXPECT_LE(folios->folios, kPages);
}

}  // namespace
}  // namespace pagestall
