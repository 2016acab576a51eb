/* A scene: flat data without pointers, so that it is copied to a GPU as it is. */
#ifndef RENDER_SCENE_H
#define RENDER_SCENE_H

#include "vec.h"

#define SCENE_BALLS_MAX 64
#define SCENE_QUADS_MAX 16
#define SCENE_LAMPS_MAX 16

enum surface_kind { SURFACE_DIFFUSE, SURFACE_METAL, SURFACE_GLASS, SURFACE_GLOW };

struct surface {
    enum surface_kind kind;
    struct vec color;  /* 0 to 1; for SURFACE_GLOW the radiance */
    struct vec color2; /* of every other field when checker > 0 */
    float checker;     /* edge of a field, world units; 0: plain */
    float rough;       /* SURFACE_METAL: 0 mirror, 1 blurred */
    float ior;         /* SURFACE_GLASS: index of refraction */
};

struct ball {
    struct vec center;
    float radius;
    struct surface surface;
};

/* The parallelogram corner, corner + u, corner + u + v, corner + v. */
struct quad {
    struct vec corner, u, v;
    struct surface surface;
};

struct lamp {
    int ball; /* index of a glowing ball, or -1: */
    int quad; /* index of a glowing quad */
};

struct camera {
    struct vec eye, forward, right, up; /* unit vectors */
    float half_height;                  /* of the picture one unit away */
    float lens, focus;                  /* lens radius (0: all sharp), distance in focus */
};

struct sky {
    struct vec horizon, zenith; /* radiance */
    float stars;                /* brightness of stars, 0: none */
};

struct scene {
    struct ball balls[SCENE_BALLS_MAX];
    struct quad quads[SCENE_QUADS_MAX];
    struct lamp lamps[SCENE_LAMPS_MAX];
    int ball_count, quad_count, lamp_count;
    struct camera camera;
    struct sky sky;
    float exposure;
};

#ifndef __CUDACC__
/* Names of all scenes, ended by NULL. */
const char *const *scene_names(void);
/* Builds the scene of that name (one of scene_names()) with everything random drawn from seed. */
void scene_build(struct scene *scene, const char *name, uint64_t seed);
#endif

#endif
