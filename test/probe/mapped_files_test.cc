// What the kernel says of a mapping.

#include "lib/probe/mapped_files.h"

#include <filesystem>
#include <vector>

#include "lib/file/mapping.h"
#include "test/open_ones.h"
#include "test/status_matchers.h"

namespace pagestall {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MappedFiles, SayWhatIsMappedAndAdvised) {
  constexpr size_t kBytes = size_t{1} << 20;
  const TemporaryDirectory directory;
  const File file = OpenOnes(directory, kBytes);
  const std::vector<std::string> paths = {file.path()};
  EXPECT_EQ(MappedFiles::Now(paths).flags, "");
  const auto mapping = Mapping::Map(file);
  ASSERT_THAT(mapping, IsOk());
  EXPECT_THAT(MappedFiles::Now(paths).flags, HasSubstr("rd"));
  EXPECT_THAT(MappedFiles::Now(paths).flags, Not(HasSubstr("rr")));
  EXPECT_EQ(MappedFiles::Now(paths).mapped_bytes, 0u);
  ASSERT_THAT(AdviseRandom(mapping->bytes()), IsOk());
  ASSERT_THAT(PopulateRead(mapping->bytes()), IsOk());
  const MappedFiles mapped = MappedFiles::Now(paths);
  EXPECT_THAT(mapped.flags, HasSubstr("rr"));
  EXPECT_EQ(mapped.mapped_bytes, kBytes);
  EXPECT_LE(mapped.huge_bytes, mapped.mapped_bytes);
  const std::string link = directory.path("link");
  std::filesystem::create_symlink("file", link);
  const std::vector<std::string> relative = {
      std::filesystem::path(link)
          .lexically_proximate(std::filesystem::current_path())
          .string()};
  EXPECT_EQ(MappedFiles::Now(relative).mapped_bytes, kBytes);
}

}  // namespace
}  // namespace pagestall
