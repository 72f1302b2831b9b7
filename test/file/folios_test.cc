// In how many pieces the page cache holds a file.

#include "lib/file/folios.h"

#include <fcntl.h>

#include <vector>

#include "lib/file/mapping.h"
#include "lib/file/page_cache.h"
#include "test/availability.h"
#include "test/on_disk.h"
#include "test/open_ones.h"
#include "test/page.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

constexpr size_t kPages = 1024;

class FoliosTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_IF_IN_MEMORY(directory_.path());
    ASSERT_THAT(Evict(file_), IsOk());
    const absl::Status counted = CountFolios(file_).status();
    if (IsNotAvailable(counted)) GTEST_SKIP() << counted;
    ASSERT_THAT(Evict(file_), IsOk());
  }

  TemporaryDirectory directory_;
  const File file_ = OpenOnes(directory_, kPages* kPage);
};

TEST_F(FoliosTest, PagesThatAreReadOneByOneAreAFolioEach) {
  ASSERT_TRUE(CountResident(file_).value().none());
  ASSERT_THAT(file_.Advise(POSIX_FADV_RANDOM), IsOk());
  std::vector<uint8_t> page(kPage);
  for (size_t i = 0; i < kPages; ++i) {
    ASSERT_THAT(file_.Read(absl::MakeSpan(page), i * kPage), IsOk());
  }
  const auto folios = CountFolios(file_).value();
  EXPECT_EQ(folios.pages, kPages);
  EXPECT_EQ(folios.folios, kPages);
}

TEST_F(FoliosTest, EveryPageIsOfAFolio) {
  const Mapping mapping = Mapping::Map(file_).value();
  AdviseHugePages(mapping.bytes()).IgnoreError();
  ASSERT_THAT(PopulateRead(mapping.bytes()), IsOk());
  const auto folios = CountFolios(file_).value();
  EXPECT_EQ(folios.pages, kPages);
  EXPECT_GE(folios.folios, 2u);
  EXPECT_LE(folios.folios, kPages);
}

}  // namespace
}  // namespace pagestall
