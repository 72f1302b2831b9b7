#include "lib/file/page_tables.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "lib/file/file.h"
#include "lib/file/mapping.h"
#include "test/status_matchers.h"
#include "test/temporary_directory.h"

namespace pagestall {
namespace {

using Bits = KnownPages::Bits;

class PageTablesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto tables = PageTables::Open();
    if (!tables.ok()) GTEST_SKIP() << tables.status();
    tables_.emplace(*std::move(tables));
    const std::string path = directory_.Write(
        "file", std::vector<uint8_t>(kPages * page_bytes_ - 10));
    mapping_.emplace(*Mapping::Map(*File::Open(path, O_RDONLY)));
  }

  absl::Span<const uint8_t> Pages(size_t first, size_t count) const {
    return mapping_->At(first * page_bytes_, count * page_bytes_);
  }

  static constexpr size_t kPages = 700;
  const size_t page_bytes_ = sysconf(_SC_PAGESIZE);
  TemporaryDirectory directory_;
  std::optional<PageTables> tables_;
  std::optional<Mapping> mapping_;
};

TEST_F(PageTablesTest, PagesAreMappedFromWhenTheyArePopulated) {
  const auto none = tables_->FindMapped(Pages(0, 512));
  ASSERT_THAT(none, IsOk());
  EXPECT_EQ(*none, Bits{});
  ASSERT_THAT(PopulateRead(Pages(0, kPages)), IsOk());
  Bits all;
  all.fill(~uint64_t{0});
  EXPECT_EQ(*tables_->FindMapped(Pages(0, 512)), all);
  EXPECT_EQ(*tables_->FindMapped(Pages(0, kPages)), all) << "a chunk at most";
  Bits rest{};
  rest[0] = rest[1] = ~uint64_t{0};
  rest[2] = (uint64_t{1} << 60) - 1;
  EXPECT_EQ(*tables_->FindMapped(Pages(512, 188)), rest);
}

TEST_F(PageTablesTest, BothWaysOfAskingSayTheSame) {
  // What is mapped beside a page is the kernel's matter.
  for (const size_t page : {0, 100, 101, 300, 511}) {
    ASSERT_THAT(PopulateRead(Pages(page, 1)), IsOk());
    const auto scanned = tables_->FindMapped(Pages(0, 512));
    ASSERT_THAT(scanned, IsOk());
    EXPECT_EQ(*scanned, *tables_->ReadMapped(Pages(0, 512)));
    EXPECT_NE((*scanned)[page / 64] >> page % 64 & 1, 0u);
  }
}

}  // namespace
}  // namespace pagestall
