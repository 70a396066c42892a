//! Translated code in a real engine against the same instruction bodies on plain integers, instruction count by
//! instruction count: registers, flags, memory, RIP and the budget must agree wherever a region is left.

mod engine;
mod floats;
mod generate;
mod loops;
mod programs;
mod random;
mod reference;
mod run;
mod speed;
mod strings;
mod switches;
