#include "polygons.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace seatrial {

namespace {

constexpr double kPi = 3.14159265358979323846;

/// Follows one border, marks it and gives its pixels. `from` is the direction of the outside pixel.
Points follow(std::vector<int>& marks, std::int64_t stride, std::int64_t start, int from, int number) {
    const std::int64_t steps[8] = {1, 1 - stride, -stride, -1 - stride, -1, stride - 1, stride, stride + 1};
    const auto pixel = [&](std::int64_t at) {
        return Point{static_cast<float>(at % stride - 1), static_cast<float>(at / stride - 1)};
    };
    int direction = from;
    do direction = (direction + 7) & 7;  // clockwise to the first pixel of the region
    while (direction != from && !marks[static_cast<std::size_t>(start + steps[direction])]);
    if (direction == from) {  // a pixel alone
        marks[static_cast<std::size_t>(start)] = -number;
        return {pixel(start)};
    }
    const std::int64_t second = start + steps[direction];
    Points found;
    std::int64_t now = start;
    int back = direction;
    for (;;) {
        int turn = back;
        bool right_outside = false;
        std::int64_t next = 0;
        for (;;) {  // counter-clockwise to the next pixel of the region
            turn = (turn + 1) & 7;
            next = now + steps[turn];
            if (marks[static_cast<std::size_t>(next)]) break;
            right_outside = right_outside || turn == 0;
        }
        int& mark = marks[static_cast<std::size_t>(now)];
        if (right_outside)
            mark = -number;
        else if (mark == 1)
            mark = number;
        found.push_back(pixel(now));
        if (next == start && now == second) return found;
        back = (turn + 4) & 7;
        now = next;
    }
}

struct Placed {
    Point point;
    std::size_t place;  ///< in the points that were given
};

/// Where a hull is begun at: equal rectangles are told apart by it, so it follows OpenCV's rule. Where the places
/// of the points only rise (or only fall) around the hull, at the first (or the last) of them; else at the right.
std::size_t start_of(const std::vector<Placed>& hull) {
    std::size_t rising = 0, least = 0, most = 0, right = 0;
    for (std::size_t each = 0; each < hull.size(); ++each) {
        const Placed &here = hull[each], &corner = hull[right].point.x < here.point.x ? here : hull[right];
        rising += here.place < hull[(each + 1) % hull.size()].place;
        if (here.place < hull[least].place) least = each;
        if (here.place > hull[most].place) most = each;
        if (&corner == &here || (here.point.x == corner.point.x && here.point.y > corner.point.y)) right = each;
    }
    return rising == hull.size() - 1 ? least : rising == 1 ? most : right;
}

/// The convex hull, clockwise on the screen, without points on its sides.
Points hull_of(const Points& points) {
    std::vector<Placed> sorted;
    for (std::size_t place = 0; place < points.size(); ++place) sorted.push_back({points[place], place});
    std::stable_sort(sorted.begin(), sorted.end(), [](const Placed& a, const Placed& b) {
        return a.point.x != b.point.x ? a.point.x < b.point.x : a.point.y < b.point.y;
    });
    const auto same = [](const Placed& a, const Placed& b) { return a.point.x == b.point.x && a.point.y == b.point.y; };
    sorted.erase(std::unique(sorted.begin(), sorted.end(), same), sorted.end());
    const auto turn = [](Point a, Point b, Point c) {
        return (static_cast<double>(b.x) - a.x) * (static_cast<double>(c.y) - a.y) -
               (static_cast<double>(b.y) - a.y) * (static_cast<double>(c.x) - a.x);
    };
    std::vector<Placed> hull;
    for (int half = 0; half < 2 && sorted.size() > 2; ++half) {
        const std::size_t start = hull.size();
        for (const Placed& each : sorted) {
            while (hull.size() >= start + 2 && turn(hull[hull.size() - 2].point, hull.back().point, each.point) <= 0)
                hull.pop_back();
            hull.push_back(each);
        }
        hull.pop_back();
        std::reverse(sorted.begin(), sorted.end());
    }
    if (sorted.size() <= 2) hull = sorted;
    if (hull.size() > 2)
        std::rotate(hull.begin(), hull.begin() + static_cast<std::ptrdiff_t>(start_of(hull)), hull.end());
    Points found;
    for (const Placed& each : hull) found.push_back(each.point);
    return found;
}

/// Center, sides and angle, in the single precision that boxes are cut to whole pixels in.
struct Turned {
    Point center;
    float width = 0, height = 0, angle = 0;  // degrees
};

Turned calipers(const Points& hull) {
    const std::size_t count = hull.size();
    std::vector<Point> sides(count);
    std::vector<float> inverse(count);
    std::size_t at[4] = {0, 0, 0, 0};  // lowest y, greatest x, greatest y, lowest x
    for (std::size_t each = 0; each < count; ++each) {
        const Point a = hull[each], b = hull[(each + 1) % count];
        if (a.y < hull[at[0]].y) at[0] = each;
        if (a.x > hull[at[1]].x) at[1] = each;
        if (a.y > hull[at[2]].y) at[2] = each;
        if (a.x < hull[at[3]].x) at[3] = each;
        sides[each] = {b.x - a.x, b.y - a.y};
        inverse[each] = static_cast<float>(1. / std::sqrt(static_cast<double>(sides[each].x) * sides[each].x + static_cast<double>(sides[each].y) * sides[each].y));
    }
    float base_x = 1, base_y = 0, least = std::numeric_limits<float>::max();
    float best_x = 1, best_y = 0, best_width = 0, best_height = 0;
    Point left{}, bottom{};
    for (std::size_t turn = 0; turn < count; ++turn) {
        // Which of the four sides needs the smallest turn: the others stand at quarter turns of it.
        int main = 0;
        float nearest = -2;
        for (int which = 0; which < 4; ++which) {
            const Point side = sides[at[which]];
            const float along = which == 0 ? base_x * side.x + base_y * side.y
                                : which == 1 ? -base_y * side.x + base_x * side.y
                                : which == 2 ? -base_x * side.x - base_y * side.y
                                             : base_y * side.x - base_x * side.y;
            const float cosine = along * inverse[at[which]];
            if (cosine > nearest) nearest = cosine, main = which;
        }
        const float lead_x = sides[at[main]].x * inverse[at[main]], lead_y = sides[at[main]].y * inverse[at[main]];
        switch (main) {
            case 0: base_x = lead_x, base_y = lead_y; break;
            case 1: base_x = lead_y, base_y = -lead_x; break;
            case 2: base_x = -lead_x, base_y = -lead_y; break;
            default: base_x = -lead_y, base_y = lead_x; break;
        }
        at[main] = (at[main] + 1) % count;
        const Point wide{hull[at[1]].x - hull[at[3]].x, hull[at[1]].y - hull[at[3]].y};
        const Point tall{hull[at[2]].x - hull[at[0]].x, hull[at[2]].y - hull[at[0]].y};
        const float width = wide.x * base_x + wide.y * base_y, height = -tall.x * base_y + tall.y * base_x;
        if (width * height > least) continue;
        least = width * height;
        best_x = base_x, best_y = base_y, best_width = width, best_height = height;
        left = hull[at[3]], bottom = hull[at[0]];
    }
    const float c1 = best_x * left.x + left.y * best_y, c2 = -best_y * bottom.x + bottom.y * best_x;
    const float scale = 1.f / (best_x * best_x - -best_y * best_y);
    const Point corner{(c1 * best_x - c2 * best_y) * scale, (best_x * c2 + best_y * c1) * scale};
    const Point across{best_x * best_width, best_y * best_width}, along{-best_y * best_height, best_x * best_height};
    const auto length = [](Point p) { return static_cast<float>(std::sqrt(static_cast<double>(p.x) * p.x + static_cast<double>(p.y) * p.y)); };
    Turned result;
    result.center = {corner.x + (across.x + along.x) * 0.5f, corner.y + (across.y + along.y) * 0.5f};
    result.width = length(across);
    result.height = length(along);
    const double angle = std::atan2(static_cast<double>(across.y), static_cast<double>(across.x)) * 180 / kPi;
    if (angle < 90) std::swap(result.width, result.height);  // angles run from -90 to below 0
    result.angle = static_cast<float>(angle < 90 ? angle - 90 : angle - 180);
    return result;
}

Turned turned(const Points& points) {
    const Points hull = hull_of(points);
    if (hull.size() > 2) return calipers(hull);
    Turned result;
    if (hull.size() == 1) result.center = hull[0];
    if (hull.size() == 2) {
        const double x = static_cast<double>(hull[1].x) - hull[0].x, y = static_cast<double>(hull[1].y) - hull[0].y;
        result.center = {(hull[0].x + hull[1].x) * 0.5f, (hull[0].y + hull[1].y) * 0.5f};
        result.width = static_cast<float>(std::sqrt(x * x + y * y));
        result.angle = static_cast<float>(static_cast<float>(std::atan2(y, x)) * 180 / kPi);
    }
    return result;
}

/// A line of pixels, eight-connected, from its left end.
template <class Draw> void line(std::array<std::int64_t, 2> a, std::array<std::int64_t, 2> b, Draw draw) {
    if (b[0] < a[0]) std::swap(a, b);
    const std::int64_t wide = b[0] - a[0], tall = std::abs(b[1] - a[1]), down = b[1] < a[1] ? -1 : 1;
    const std::int64_t longer = std::max(wide, tall), shorter = std::min(wide, tall);
    std::int64_t error = longer - 2 * shorter, x = a[0], y = a[1];
    for (std::int64_t each = 0; each <= longer; ++each) {
        draw(x, y);
        const bool both = error < 0;
        error += (both ? 2 * longer : 0) - 2 * shorter;
        if (tall > wide || both) y += down;
        if (tall <= wide || both) x += 1;
    }
}

}  // namespace

std::vector<Points> borders(const std::vector<unsigned char>& mask, std::int64_t height, std::int64_t width) {
    const std::int64_t stride = width + 2;
    std::vector<int> marks(static_cast<std::size_t>(stride * (height + 2)), 0);
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x)
            marks[static_cast<std::size_t>((y + 1) * stride + x + 1)] = mask[static_cast<std::size_t>(y * width + x)] ? 1 : 0;
    std::vector<Points> found;
    int number = 1;
    for (std::int64_t y = 1; y <= height; ++y)
        for (std::int64_t x = 1; x <= width; ++x) {
            const std::int64_t at = y * stride + x;
            const int mark = marks[static_cast<std::size_t>(at)];
            if (mark == 1 && !marks[static_cast<std::size_t>(at - 1)])
                found.push_back(follow(marks, stride, at, 4, ++number));
            else if (mark >= 1 && !marks[static_cast<std::size_t>(at + 1)])
                found.push_back(follow(marks, stride, at, 0, ++number));
        }
    std::reverse(found.begin(), found.end());
    return found;
}

Rectangle smallest_rectangle(const Points& points) {
    const Turned box = turned(points);
    const double angle = static_cast<double>(box.angle) * kPi / 180;
    const float b = static_cast<float>(std::cos(angle)) * 0.5f, a = static_cast<float>(std::sin(angle)) * 0.5f;
    std::array<Point, 4> corners;
    corners[0] = {box.center.x - a * box.height - b * box.width, box.center.y + b * box.height - a * box.width};
    corners[1] = {box.center.x + a * box.height - b * box.width, box.center.y - b * box.height - a * box.width};
    corners[2] = {box.center.x + a * box.height + b * box.width, box.center.y - b * box.height + a * box.width};
    corners[3] = {box.center.x - a * box.height + b * box.width, box.center.y + b * box.height + a * box.width};
    std::stable_sort(corners.begin(), corners.end(), [](Point l, Point r) { return l.x < r.x; });
    const auto higher = [](Point l, Point r) { return l.y < r.y; };
    std::stable_sort(corners.begin(), corners.begin() + 2, higher);
    std::stable_sort(corners.begin() + 2, corners.end(), higher);
    return {{corners[0], corners[2], corners[3], corners[1]}, std::min(box.width, box.height)};
}

std::vector<unsigned char> filled_polygon(const std::vector<std::array<std::int64_t, 2>>& polygon, std::int64_t height, std::int64_t width) {
    std::vector<unsigned char> inside(static_cast<std::size_t>(height * width), 0);
    const auto draw = [&](std::int64_t x, std::int64_t y) {
        if (x >= 0 && x < width && y >= 0 && y < height) inside[static_cast<std::size_t>(y * width + x)] = 1;
    };
    for (std::size_t each = 0; each < polygon.size(); ++each) line(polygon[each], polygon[(each + 1) % polygon.size()], draw);
    for (std::int64_t y = 0; y < height; ++y) {
        std::vector<std::int64_t> crossings;  // in 16 bits of fraction
        for (std::size_t each = 0; each < polygon.size(); ++each) {
            auto a = polygon[each], b = polygon[(each + 1) % polygon.size()];
            if (a[1] > b[1]) std::swap(a, b);
            if (y < a[1] || y >= b[1]) continue;
            const std::int64_t slope = ((b[0] - a[0]) * 65536) / (b[1] - a[1]);
            crossings.push_back(a[0] * 65536 + slope * (y - a[1]));
        }
        std::sort(crossings.begin(), crossings.end());
        for (std::size_t each = 0; each + 1 < crossings.size(); each += 2)
            for (std::int64_t x = std::max<std::int64_t>(0, (crossings[each] + 65535) >> 16); x <= std::min(width - 1, crossings[each + 1] >> 16); ++x)
                inside[static_cast<std::size_t>(y * width + x)] = 1;
    }
    return inside;
}

Points grown_polygon(const std::vector<std::array<std::int64_t, 2>>& polygon, double distance) {
    std::vector<std::array<std::int64_t, 2>> corners;
    for (const auto& each : polygon)
        if (corners.empty() || corners.back() != each) corners.push_back(each);
    while (corners.size() > 1 && corners.front() == corners.back()) corners.pop_back();
    if (corners.size() < 3) return {};
    const std::size_t count = corners.size();
    double area = 0;
    for (std::size_t each = 0; each < count; ++each) {
        const auto &a = corners[each], &b = corners[(each + 1) % count];
        area += static_cast<double>(a[0] * b[1] - a[1] * b[0]);
    }
    if (area < 0) std::reverse(corners.begin(), corners.end());
    std::vector<std::array<double, 2>> normals;  // outwards
    for (std::size_t each = 0; each < count; ++each) {
        const auto &a = corners[each], &b = corners[(each + 1) % count];
        const double x = static_cast<double>(b[0] - a[0]), y = static_cast<double>(b[1] - a[1]), scale = 1 / std::sqrt(x * x + y * y);
        normals.push_back({y * scale, -x * scale});
    }
    // A circle in so many steps that no chord is more than a quarter pixel inside it.
    const double tolerance = std::min(0.25, std::fabs(distance) * 0.25);
    const double steps = std::min(kPi / std::acos(1 - tolerance / std::fabs(distance)), std::fabs(distance) * kPi);
    const double sine = std::sin(2 * kPi / steps), cosine = std::cos(2 * kPi / steps);
    Points grown;
    const auto add = [&](const std::array<std::int64_t, 2>& corner, double x, double y) {
        grown.push_back({static_cast<float>(std::round(static_cast<double>(corner[0]) + x * distance)),
                         static_cast<float>(std::round(static_cast<double>(corner[1]) + y * distance))});
    };
    for (std::size_t each = 0; each < count; ++each) {
        const auto &before = normals[(each + count - 1) % count], &after = normals[each];
        const double cross = std::clamp(before[0] * after[1] - before[1] * after[0], -1.0, 1.0);
        const double dot = before[0] * after[0] + before[1] * after[1];
        if (std::fabs(cross * distance) < 1 && dot > 0) {
            add(corners[each], before[0], before[1]);
            continue;
        }
        const double angle = std::atan2(cross, dot);
        const auto arcs = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::round(steps / (2 * kPi) * std::fabs(angle))));
        double x = before[0], y = before[1];
        for (std::int64_t arc = 0; arc < arcs && cross > 0; ++arc) {
            add(corners[each], x, y);
            const double old = x;
            x = x * cosine - sine * y;
            y = old * sine + y * cosine;
        }
        add(corners[each], after[0], after[1]);
    }
    return grown;
}

}  // namespace seatrial
