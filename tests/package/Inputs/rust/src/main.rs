// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//! Every function of the crate, with what must fail: consumer PICTURE. Prints the label.
use digits::{Error, Format, Image, Input, Model, Output};

fn status<T>(result: Result<T, Error>) -> i32 {
    result.err().map_or(0, |error| if error.text.is_empty() { -1 } else { error.status })
}

fn main() -> Result<(), Error> {
    let path = std::env::args().nth(1).unwrap();
    let mut context = Model::new()?.context()?; // which keeps the model
    let best = context.classify_file(&path, 3)?;
    assert!(best.len() == 3 && best[0].score > best[1].score);
    let encoded = std::fs::read(&path).unwrap();
    assert_eq!(context.classify_encoded(&encoded, 3)?, best);

    let gray = vec![200u8; 40 * 30 * 3];
    let image = Image { format: Format::Rgb8, width: 40, height: 30, pixels: &gray };
    let n = digits::OUTPUTS[0].bytes / 4;
    let (mut two, mut one) = (vec![0f32; 2 * n], vec![0f32; n]);
    context.run_images(&[image, image], &mut [Output::from(&mut two[..])])?;
    assert_eq!(two[..n], two[n..]);
    assert_eq!(context.classify(&image, 100)?.len(), n);
    let pixels = vec![0.5f32; digits::INPUTS[0].bytes / 4];
    context.run(&[Input::from(&pixels[..])], 1, &mut [Output::from(&mut one[..])])?;
    assert!(one.iter().any(|x| *x != 0.0));

    assert_eq!(status(context.run(&[Input::from(&pixels[..])], 2, &mut [Output::from(&mut two[..])])), 1);
    assert_eq!(status(context.run(&[], 1, &mut [Output::from(&mut one[..])])), 1);
    assert_eq!(status(context.run(&[Input::from(&pixels[..])], usize::MAX, &mut [Output::from(&mut one[..])])), 1);
    assert_eq!(status(context.run_images(&[Image { height: 31, ..image }], &mut [Output::from(&mut one[..])])), 1);
    assert_eq!(status(context.classify(&Image { width: usize::MAX, ..image }, 1)), 1);
    assert_eq!(status(context.classify(&image, 0)), 1);
    assert_eq!(status(context.classify_file("none.png", 1)), 8);
    assert_eq!(status(context.classify_encoded(b"no picture", 1)), 12);
    assert_eq!(status(context.set_image_size(7, 7)), 13);
    assert_eq!(status(context.segment_file(&path)), 13); // it classifies
    assert_eq!(status(context.segment_encoded(&encoded)), 13);
    assert_eq!(status(context.segment(&image)), 13);
    assert_eq!(status(Model::with_threads(100_000)), 1);

    let model = Model::with_threads(2)?;
    assert!(model.labels().len() == n && digits::info_json().contains("digits") && digits::licenses().contains("libpng"));
    let shared = model.clone();
    let label = std::thread::spawn(move || shared.context()?.classify_file(path, 1)).join().unwrap()?.remove(0);
    assert_eq!(label, best[0]);
    println!("{}", label.label);
    Ok(())
}
