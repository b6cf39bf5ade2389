// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//! @name@ in Rust, over the C functions of @name@.h, without dependencies.
//!
//! ```no_run
//! let model = @name@::Model::new()?;
//! let mut context = model.context()?; // one for each thread
//! for best in context.classify_file("cat.jpg", 5)? {
//!     println!("{} {}", best.label, best.score);
//! }
//! # Ok::<(), @name@::Error>(())
//! ```
#![allow(non_snake_case, non_camel_case_types)]

use std::ffi::{c_void, CStr, CString};
use std::marker::PhantomData;
use std::os::raw::{c_char, c_int};
use std::path::Path;
use std::ptr::{null, null_mut, NonNull};
use std::sync::Arc;
use std::{error, fmt};

#[repr(C)]
struct RawOptions {
    struct_size: usize,
    n_threads: i64,
    weights_path: *const c_char,
    parallel_for: *const c_void,
    parallel_user: *const c_void,
    copy_weights: i64,
    check_weights: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct RawPrediction {
    index: i64,
    label: *const c_char,
    score: f32,
}

#[repr(C)]
struct RawImage {
    struct_size: usize,
    format: i64,
    width: i64,
    height: i64,
    planes: [*const c_void; 3],
    strides: [i64; 3],
    color: i64,
}

#[repr(C)]
struct RawSegmentation {
    struct_size: usize,
    width: i64,
    height: i64,
    labels: *const i32,
    logits: *const f32,
    n_classes: i64,
    logits_width: i64,
    logits_height: i64,
}

type Handle = *mut c_void;

extern "C" {
    fn @name@_status_text(status: c_int) -> *const c_char;
    fn @name@_info_json() -> *const c_char;
    fn @name@_licenses() -> *const c_char;
    fn @name@_create(options: *const RawOptions, model: *mut Handle) -> c_int;
    fn @name@_destroy(model: Handle);
    fn @name@_last_error() -> *const c_char;
    fn @name@_n_labels(model: Handle) -> i64;
    fn @name@_label(model: Handle, i: i64) -> *const c_char;
    fn @name@_context_create(model: Handle, workspace: *mut c_void, bytes: usize, context: *mut Handle) -> c_int;
    fn @name@_context_destroy(context: Handle);
    fn @name@_context_error(context: Handle) -> *const c_char;
    fn @name@_context_set_image_size(context: Handle, height: i64, width: i64) -> c_int;
    fn @name@_run(context: Handle, inputs: *const *const c_void, batch: i64, outputs: *const *mut c_void) -> c_int;
    fn @name@_run_images(context: Handle, images: *const RawImage, n: i64, outputs: *const *mut c_void) -> c_int;
    fn @name@_classify_file(context: Handle, path: *const c_char, k: i64, best: *mut RawPrediction, n: *mut i64) -> c_int;
    fn @name@_classify_memory(context: Handle, encoded: *const c_void, bytes: usize, k: i64, best: *mut RawPrediction, n: *mut i64) -> c_int;
    fn @name@_classify_images(context: Handle, images: *const RawImage, n: i64, k: i64, best: *mut RawPrediction, n_best: *mut i64) -> c_int;
    fn @name@_segment_file(context: Handle, path: *const c_char, seen: *mut RawSegmentation) -> c_int;
    fn @name@_segment_memory(context: Handle, encoded: *const c_void, bytes: usize, seen: *mut RawSegmentation) -> c_int;
    fn @name@_segment_image(context: Handle, image: *const RawImage, seen: *mut RawSegmentation) -> c_int;
}

fn text(of: *const c_char) -> String {
    unsafe { CStr::from_ptr(of) }.to_string_lossy().into_owned()
}

/// What failed: a number of `@name@_status`, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub status: i32,
    pub text: String,
}

const ARGUMENT: c_int = 1;
const MEMORY: c_int = 6;

impl Error {
    fn new(status: c_int, said: *const c_char) -> Error {
        let said = text(said);
        let text = if said.is_empty() || status == MEMORY { text(unsafe { @name@_status_text(status) }) } else { said };
        Error { status, text }
    }
    fn argument(text: String) -> Error {
        Error { status: ARGUMENT, text }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl error::Error for Error {}

/// What the model is, as JSON.
pub fn info_json() -> String {
    text(unsafe { @name@_info_json() })
}

/// The notices of what the library contains, to go with what it is linked into.
pub fn licenses() -> String {
    text(unsafe { @name@_licenses() })
}

/// What one item of an input or output takes; of several sizes of pictures the largest.
#[derive(Debug, Clone, Copy)]
pub struct Tensor {
    pub bytes: usize,  // of an item
    pub batched: bool, // the first dimension is the batch: n items take n times that
}

const fn tensor(bytes: usize, batched: bool) -> Tensor {
    Tensor { bytes, batched }
}

pub const INPUTS: [Tensor; @n_inputs@] = [@tensors_in_rust@];
pub const OUTPUTS: [Tensor; @n_outputs@] = [@tensors_out_rust@];

mod sealed {
    pub trait Number: Copy {}
}

/// Elements of tensors: numbers of which any bits are one.
pub trait Element: sealed::Number {}
macro_rules! elements {
    ($($t:ty),*) => { $(impl sealed::Number for $t {} impl Element for $t {})* };
}
elements!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

/// The memory of an input.
pub struct Input<'a>(*const c_void, usize, PhantomData<&'a ()>);

impl<'a, T: Element> From<&'a [T]> for Input<'a> {
    fn from(of: &'a [T]) -> Self {
        Input(of.as_ptr().cast(), std::mem::size_of_val(of), PhantomData)
    }
}

/// The memory of an output.
pub struct Output<'a>(*mut c_void, usize, PhantomData<&'a mut ()>);

impl<'a, T: Element> From<&'a mut [T]> for Output<'a> {
    fn from(of: &'a mut [T]) -> Self {
        Output(of.as_mut_ptr().cast(), std::mem::size_of_val(of), PhantomData)
    }
}

fn check(kind: &str, given: &[usize], wanted: &[Tensor], batch: usize) -> Result<(), Error> {
    if given.len() != wanted.len() || batch == 0 {
        return Err(Error::argument(format!("expected {} {}s and a batch, got {} and {}", wanted.len(), kind, given.len(), batch)));
    }
    for (i, (bytes, tensor)) in given.iter().zip(wanted).enumerate() {
        match tensor.bytes.checked_mul(if tensor.batched { batch } else { 1 }) {
            Some(needed) if *bytes >= needed => (),
            _ => return Err(Error::argument(format!("{} {} has {} bytes, {} are needed an item", kind, i, bytes, tensor.bytes))),
        }
    }
    Ok(())
}

/// How the pixels of a picture lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Gray8 = 1,
    Rgb8 = 2,
    Bgr8 = 3,
    Rgba8 = 4,
    Bgra8 = 5,
}

/// A decoded picture, its rows one after another without a gap.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    pub format: Format,
    pub width: usize,
    pub height: usize,
    pub pixels: &'a [u8],
}

impl Image<'_> {
    fn raw(&self) -> Result<RawImage, Error> {
        let channels = match self.format {
            Format::Gray8 => 1,
            Format::Rgb8 | Format::Bgr8 => 3,
            Format::Rgba8 | Format::Bgra8 => 4,
        };
        let needed = self.width.checked_mul(self.height).and_then(|n| n.checked_mul(channels));
        if needed.map_or(true, |needed| self.pixels.len() < needed) {
            return Err(Error::argument(format!("a picture of {} x {} has only {} bytes", self.width, self.height, self.pixels.len())));
        }
        Ok(RawImage {
            struct_size: std::mem::size_of::<RawImage>(),
            format: self.format as i64,
            width: self.width as i64,
            height: self.height as i64,
            planes: [self.pixels.as_ptr().cast(), null(), null()],
            strides: [0; 3],
            color: 0,
        })
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    pub index: usize,
    pub label: String,
    pub score: f32,
}

struct Owned(NonNull<c_void>);

impl Drop for Owned {
    fn drop(&mut self) {
        unsafe { @name@_destroy(self.0.as_ptr()) }
    }
}

// A model is immutable and shared by any number of threads; a context belongs to one at a time.
unsafe impl Send for Owned {}
unsafe impl Sync for Owned {}
unsafe impl Send for Context {}

/// A model that is ready. Clones are the same one.
#[derive(Clone)]
pub struct Model(Arc<Owned>);

impl Model {
    /// For contexts that run in the caller's thread.
    pub fn new() -> Result<Model, Error> {
        Model::with_threads(1)
    }

    /// Each context has threads - 1 of its own, asleep between runs.
    pub fn with_threads(threads: usize) -> Result<Model, Error> {
        let options = RawOptions {
            struct_size: std::mem::size_of::<RawOptions>(),
            n_threads: threads as i64,
            weights_path: null(),
            parallel_for: null(),
            parallel_user: null(),
            copy_weights: 0,
            check_weights: 0,
        };
        let mut model = null_mut();
        match unsafe { @name@_create(&options, &mut model) } {
            0 => Ok(Model(Arc::new(Owned(NonNull::new(model).unwrap())))),
            status => Err(Error::new(status, unsafe { @name@_last_error() })),
        }
    }

    pub fn context(&self) -> Result<Context, Error> {
        let mut context = null_mut();
        match unsafe { @name@_context_create(self.0 .0.as_ptr(), null_mut(), 0, &mut context) } {
            0 => Ok(Context { raw: NonNull::new(context).unwrap(), _model: self.clone() }),
            status => Err(Error::new(status, unsafe { @name@_last_error() })),
        }
    }

    pub fn labels(&self) -> Vec<String> {
        let model = self.0 .0.as_ptr();
        (0..unsafe { @name@_n_labels(model) }).map(|i| text(unsafe { @name@_label(model, i) })).collect()
    }
}

/// The class of each pixel, in rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segmentation {
    pub width: usize,
    pub height: usize,
    pub labels: Vec<i32>,
}

fn c_path(path: &Path) -> Result<CString, Error> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Error::argument("the path has a NUL".into()))
}

/// What one thread at a time runs the model with.
pub struct Context {
    raw: NonNull<c_void>,
    _model: Model,
}

impl Drop for Context {
    fn drop(&mut self) {
        unsafe { @name@_context_destroy(self.raw.as_ptr()) }
    }
}

impl Context {
    fn check(&self, status: c_int) -> Result<(), Error> {
        match status {
            0 => Ok(()),
            _ => Err(Error::new(status, unsafe { @name@_context_error(self.raw.as_ptr()) })),
        }
    }

    /// The best k classes of a picture file, best first.
    pub fn classify_file(&mut self, path: impl AsRef<Path>, k: usize) -> Result<Vec<Prediction>, Error> {
        let path = c_path(path.as_ref())?;
        self.best(k, |context, k, best, n| unsafe { @name@_classify_file(context, path.as_ptr(), k, best, n) })
    }

    /// Those of a JPEG, PNG or WebP file's bytes.
    pub fn classify_encoded(&mut self, encoded: &[u8], k: usize) -> Result<Vec<Prediction>, Error> {
        self.best(k, |context, k, best, n| unsafe { @name@_classify_memory(context, encoded.as_ptr().cast(), encoded.len(), k, best, n) })
    }

    /// Those of a decoded picture.
    pub fn classify(&mut self, image: &Image<'_>, k: usize) -> Result<Vec<Prediction>, Error> {
        let image = image.raw()?;
        self.best(k, |context, k, best, n| unsafe { @name@_classify_images(context, &image, 1, k, best, n) })
    }

    /// The class of each pixel of a picture file.
    pub fn segment_file(&mut self, path: impl AsRef<Path>) -> Result<Segmentation, Error> {
        let path = c_path(path.as_ref())?;
        self.seen(|context, seen| unsafe { @name@_segment_file(context, path.as_ptr(), seen) })
    }

    /// Of a JPEG, PNG or WebP file's bytes.
    pub fn segment_encoded(&mut self, encoded: &[u8]) -> Result<Segmentation, Error> {
        self.seen(|context, seen| unsafe { @name@_segment_memory(context, encoded.as_ptr().cast(), encoded.len(), seen) })
    }

    /// Of a decoded picture.
    pub fn segment(&mut self, image: &Image<'_>) -> Result<Segmentation, Error> {
        let image = image.raw()?;
        self.seen(|context, seen| unsafe { @name@_segment_image(context, &image, seen) })
    }

    /// Inputs and outputs in the model's order, for `batch` items.
    pub fn run(&mut self, inputs: &[Input<'_>], batch: usize, outputs: &mut [Output<'_>]) -> Result<(), Error> {
        check("input", &inputs.iter().map(|t| t.1).collect::<Vec<_>>(), &INPUTS, batch)?;
        check("output", &outputs.iter().map(|t| t.1).collect::<Vec<_>>(), &OUTPUTS, batch)?;
        let inputs: Vec<_> = inputs.iter().map(|t| t.0).collect();
        let outputs: Vec<_> = outputs.iter().map(|t| t.0).collect();
        self.check(unsafe { @name@_run(self.raw.as_ptr(), inputs.as_ptr(), batch as i64, outputs.as_ptr()) })
    }

    /// The same of pictures.
    pub fn run_images(&mut self, images: &[Image<'_>], outputs: &mut [Output<'_>]) -> Result<(), Error> {
        check("output", &outputs.iter().map(|t| t.1).collect::<Vec<_>>(), &OUTPUTS, images.len())?;
        let images = images.iter().map(Image::raw).collect::<Result<Vec<_>, _>>()?;
        let outputs: Vec<_> = outputs.iter().map(|t| t.0).collect();
        self.check(unsafe { @name@_run_images(self.raw.as_ptr(), images.as_ptr(), images.len() as i64, outputs.as_ptr()) })
    }

    /// Which of several sizes of pictures it runs from now on.
    pub fn set_image_size(&mut self, height: usize, width: usize) -> Result<(), Error> {
        self.check(unsafe { @name@_context_set_image_size(self.raw.as_ptr(), height as i64, width as i64) })
    }

    fn seen(&mut self, call: impl FnOnce(Handle, *mut RawSegmentation) -> c_int) -> Result<Segmentation, Error> {
        let mut raw: RawSegmentation = unsafe { std::mem::zeroed() };
        raw.struct_size = std::mem::size_of::<RawSegmentation>();
        self.check(call(self.raw.as_ptr(), &mut raw))?;
        let (width, height) = (raw.width as usize, raw.height as usize);
        let labels = unsafe { std::slice::from_raw_parts(raw.labels, width * height) };
        Ok(Segmentation { width, height, labels: labels.to_vec() })
    }

    fn best(&mut self, k: usize, call: impl FnOnce(Handle, i64, *mut RawPrediction, *mut i64) -> c_int) -> Result<Vec<Prediction>, Error> {
        let mut best = vec![RawPrediction { index: 0, label: null(), score: 0.0 }; k];
        let mut n = 0;
        self.check(call(self.raw.as_ptr(), k as i64, best.as_mut_ptr(), &mut n))?;
        best.truncate(n as usize);
        Ok(best.iter().map(|p| Prediction { index: p.index as usize, label: text(p.label), score: p.score }).collect())
    }
}
