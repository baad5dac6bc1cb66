/* pyperformance's nbody. The power is `pow`, as in Python. */
#include "kernel.h"

#define PI 3.14159265358979323
#define SOLAR_MASS (4 * PI * PI)
#define DAYS 365.24

enum { BODIES = 5, STEPS = 20000 };
typedef struct { double at[3], speed[3], mass; } Body;

static Body bodies[BODIES] = {
    {{0, 0, 0}, {0, 0, 0}, SOLAR_MASS},
    {{4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01},
     {1.66007664274403694e-03 * DAYS, 7.69901118419740425e-03 * DAYS, -6.90460016972063023e-05 * DAYS},
     9.54791938424326609e-04 * SOLAR_MASS},
    {{8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01},
     {-2.76742510726862411e-03 * DAYS, 4.99852801234917238e-03 * DAYS, 2.30417297573763929e-05 * DAYS},
     2.85885980666130812e-04 * SOLAR_MASS},
    {{1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01},
     {2.96460137564761618e-03 * DAYS, 2.37847173959480950e-03 * DAYS, -2.96589568540237556e-05 * DAYS},
     4.36624404335156298e-05 * SOLAR_MASS},
    {{1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01},
     {2.68067772490389322e-03 * DAYS, 1.62824170038242295e-03 * DAYS, -9.51592254519715870e-05 * DAYS},
     5.15138902046611451e-05 * SOLAR_MASS},
};

static void offset_momentum(void) {
    for (int axis = 0; axis < 3; axis++) {
        double momentum = 0;
        for (int i = 0; i < BODIES; i++)
            momentum -= bodies[i].speed[axis] * bodies[i].mass;
        bodies[0].speed[axis] = momentum / bodies[0].mass;
    }
}

static void advance(double dt) {
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            Body *a = &bodies[i], *b = &bodies[j];
            double dx = a->at[0] - b->at[0], dy = a->at[1] - b->at[1], dz = a->at[2] - b->at[2];
            double magnitude = dt * pow(dx * dx + dy * dy + dz * dz, -1.5);
            double of_a = a->mass * magnitude, of_b = b->mass * magnitude;
            a->speed[0] -= dx * of_b;
            a->speed[1] -= dy * of_b;
            a->speed[2] -= dz * of_b;
            b->speed[0] += dx * of_a;
            b->speed[1] += dy * of_a;
            b->speed[2] += dz * of_a;
        }
    for (int i = 0; i < BODIES; i++)
        for (int axis = 0; axis < 3; axis++)
            bodies[i].at[axis] += dt * bodies[i].speed[axis];
}

static void work(void) {
    static int started;
    if (!started++)
        offset_momentum();
    for (int i = 0; i < STEPS; i++)
        advance(0.01);
}

static void answer(void) {
    printf("%s\n", repr(bodies[0].at[0]));
}
