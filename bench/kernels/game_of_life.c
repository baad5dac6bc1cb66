/* examples/game_of_life.py, in an array of integers. */
#include "kernel.h"

enum { SIZE = 64, GENERATIONS = 1500, SHOWN = 6 };
typedef int World[SIZE][SIZE];

static struct { int generation, alive; int64_t mixed; } shown[SHOWN];

static void start(World world) {
    static const int glider[5][2] = {{1, 2}, {2, 3}, {3, 1}, {3, 2}, {3, 3}};
    static const int pentomino[5][2] = {{0, 1}, {0, 2}, {1, 0}, {1, 1}, {2, 1}};
    memset(world, 0, sizeof(World));
    for (int i = 0; i < 5; i++) {
        world[glider[i][0]][glider[i][1]] = 1;
        world[SIZE / 2 + pentomino[i][0]][SIZE / 2 + pentomino[i][1]] = 1;
    }
    int64_t state = 1;
    for (int i = 0; i < SIZE; i++) {
        state = state * 75 % 65537;
        world[state % SIZE][i] = 1;
    }
}

static void step(World world, World new) {
    for (int i = 0; i < SIZE; i++) {
        const int *above = world[(i + SIZE - 1) % SIZE], *here = world[i], *below = world[(i + 1) % SIZE];
        for (int j = 0; j < SIZE; j++) {
            int left = j > 0 ? j - 1 : SIZE - 1, right = j + 1 < SIZE ? j + 1 : 0;
            int neighbours = above[left] + above[j] + above[right] + here[left] + here[right] + below[left] + below[j]
                             + below[right];
            new[i][j] = neighbours == 3 || (neighbours == 2 && here[j]);
        }
    }
}

static void work(void) {
    static World worlds[2];
    int (*world)[SIZE] = worlds[0], (*new)[SIZE] = worlds[1];
    int lines = 0;
    start(world);
    for (int generation = 0; generation <= GENERATIONS; generation++) {
        if (generation % (GENERATIONS / 5) == 0) {
            int alive = 0;
            int64_t mixed = 0;
            for (int i = 0; i < SIZE; i++)
                for (int j = 0; j < SIZE; j++) {
                    alive += world[i][j];
                    mixed = (mixed * 31 + world[i][j]) % 1000000007;
                }
            shown[lines].generation = generation;
            shown[lines].alive = alive;
            shown[lines++].mixed = mixed;
        }
        step(world, new);
        int (*old)[SIZE] = world;
        world = new;
        new = old;
    }
}

static void answer(void) {
    for (int i = 0; i < SHOWN; i++)
        printf("generation %d: %d alive, %ld\n", shown[i].generation, shown[i].alive, (long)shown[i].mixed);
}
