// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package main

// #cgo pkg-config: digits
// #include <digits.h>
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"log"
	"os"
	"unsafe"
)

func main() {
	var model *C.digits_model
	var context *C.digits_context
	if C.digits_create(nil, &model) != 0 || C.digits_context_create(model, nil, 0, &context) != 0 {
		log.Fatal(C.GoString(C.digits_last_error()))
	}
	defer C.digits_destroy(model)
	defer C.digits_context_destroy(context)
	for _, name := range os.Args[1:] {
		path := C.CString(name)
		var best C.digits_prediction
		var n C.int64_t
		if C.digits_classify_file(context, path, 1, &best, &n) != 0 {
			log.Fatal(C.GoString(C.digits_context_error(context)))
		}
		fmt.Printf("%s %.2f\n", C.GoString(best.label), float32(best.score))
		C.free(unsafe.Pointer(path))
	}
}
