/* cJSON's trees for documents (never for payloads, see json.h): what a function owns dies with it.
 */
#ifndef BASE_JSON_TREE_H
#define BASE_JSON_TREE_H

#include <cjson/cJSON.h>

#include "base/alloc.h"

AUTO_DEFINE(cJSON_Delete, cJSON *)
AUTO_DEFINE(cJSON_free, char *) /* text that cJSON has printed */

#endif
