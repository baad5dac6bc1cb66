/* pyperformance's float: the points are allocated one by one, as objects are. */
#include "kernel.h"

enum { POINTS = 100000 };
typedef struct { double x, y, z; } Point;
static Point largest;

static Point *point(int i) {
    Point *point = malloc(sizeof *point);
    double x = sin(i);
    point->x = x;
    point->y = cos(i) * 3;
    point->z = x * x / 2;
    return point;
}

static void work(void) {
    Point **points = malloc(POINTS * sizeof *points);
    for (int i = 0; i < POINTS; i++)
        points[i] = point(i);
    for (int i = 0; i < POINTS; i++) {
        Point *p = points[i];
        double norm = sqrt(p->x * p->x + p->y * p->y + p->z * p->z);
        p->x /= norm;
        p->y /= norm;
        p->z /= norm;
    }
    Point *next = points[0];
    for (int i = 1; i < POINTS; i++) {
        Point *p = points[i];
        next->x = next->x > p->x ? next->x : p->x;
        next->y = next->y > p->y ? next->y : p->y;
        next->z = next->z > p->z ? next->z : p->z;
    }
    largest = *next;
    for (int i = 0; i < POINTS; i++)
        free(points[i]);
    free(points);
}

static void answer(void) {
    printf("%s %s %s\n", repr(largest.x), repr(largest.y), repr(largest.z));
}
