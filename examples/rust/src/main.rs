// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
fn main() -> Result<(), digits::Error> {
    let model = digits::Model::new()?;
    let mut context = model.context()?;
    for path in std::env::args().skip(1) {
        for best in context.classify_file(path, 1)? {
            println!("{} {:.2}", best.label, best.score);
        }
    }
    Ok(())
}
