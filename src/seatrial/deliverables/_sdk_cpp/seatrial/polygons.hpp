// The geometry of text boxes: borders of regions, smallest rectangles, filled and grown polygons.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace seatrial {

struct Point {
    float x = 0;
    float y = 0;
};

using Points = std::vector<Point>;

/// Pixels of each border of the regions of a mask, outer borders and those of holes, the last found first
/// (Suzuki and Abe, 1985). `mask` holds height * width numbers, 0 outside.
std::vector<Points> borders(const std::vector<unsigned char>& mask, std::int64_t height, std::int64_t width);

/// The rectangle of least area around points.
struct Rectangle {
    std::array<Point, 4> corners;  ///< clockwise from the upper left
    float short_side = 0;
};
Rectangle smallest_rectangle(const Points& points);

/// Which pixels of a window a polygon of whole numbers covers, its outline included.
std::vector<unsigned char> filled_polygon(const std::vector<std::array<std::int64_t, 2>>& polygon, std::int64_t height, std::int64_t width);

/// A convex polygon of whole numbers grown by `distance` with round corners, again in whole numbers; empty when
/// fewer than three of its points differ.
Points grown_polygon(const std::vector<std::array<std::int64_t, 2>>& polygon, double distance);

}  // namespace seatrial
