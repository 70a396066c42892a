//! Fused multiply-add: what each mnemonic multiplies, adds and negates. SDM volume 1, section 14.5.

use super::large::Order::{self, *};
use crate::vector::float::FloatWidth::*;
use crate::vector::float::LargeFloatOp;
use crate::vector::float::Subtract::*;
use iced_x86::Mnemonic as Mn;

/// The order of operands and the operation of a mnemonic, if it is a fused multiply-add.
#[rustfmt::skip]
pub(super) fn form(mnemonic: Mn) -> Option<(Order, LargeFloatOp)> {
    let (order, w, negate, subtract, scalar) = match mnemonic {
        Mn::Vfmadd132ps      => (O132, F32, false, Never, false),
        Mn::Vfmadd132pd      => (O132, F64, false, Never, false),
        Mn::Vfmadd132ss      => (O132, F32, false, Never, true),
        Mn::Vfmadd132sd      => (O132, F64, false, Never, true),
        Mn::Vfmadd213ps      => (O213, F32, false, Never, false),
        Mn::Vfmadd213pd      => (O213, F64, false, Never, false),
        Mn::Vfmadd213ss      => (O213, F32, false, Never, true),
        Mn::Vfmadd213sd      => (O213, F64, false, Never, true),
        Mn::Vfmadd231ps      => (O231, F32, false, Never, false),
        Mn::Vfmadd231pd      => (O231, F64, false, Never, false),
        Mn::Vfmadd231ss      => (O231, F32, false, Never, true),
        Mn::Vfmadd231sd      => (O231, F64, false, Never, true),
        Mn::Vfmsub132ps      => (O132, F32, false, Always, false),
        Mn::Vfmsub132pd      => (O132, F64, false, Always, false),
        Mn::Vfmsub132ss      => (O132, F32, false, Always, true),
        Mn::Vfmsub132sd      => (O132, F64, false, Always, true),
        Mn::Vfmsub213ps      => (O213, F32, false, Always, false),
        Mn::Vfmsub213pd      => (O213, F64, false, Always, false),
        Mn::Vfmsub213ss      => (O213, F32, false, Always, true),
        Mn::Vfmsub213sd      => (O213, F64, false, Always, true),
        Mn::Vfmsub231ps      => (O231, F32, false, Always, false),
        Mn::Vfmsub231pd      => (O231, F64, false, Always, false),
        Mn::Vfmsub231ss      => (O231, F32, false, Always, true),
        Mn::Vfmsub231sd      => (O231, F64, false, Always, true),
        Mn::Vfnmadd132ps     => (O132, F32, true, Never, false),
        Mn::Vfnmadd132pd     => (O132, F64, true, Never, false),
        Mn::Vfnmadd132ss     => (O132, F32, true, Never, true),
        Mn::Vfnmadd132sd     => (O132, F64, true, Never, true),
        Mn::Vfnmadd213ps     => (O213, F32, true, Never, false),
        Mn::Vfnmadd213pd     => (O213, F64, true, Never, false),
        Mn::Vfnmadd213ss     => (O213, F32, true, Never, true),
        Mn::Vfnmadd213sd     => (O213, F64, true, Never, true),
        Mn::Vfnmadd231ps     => (O231, F32, true, Never, false),
        Mn::Vfnmadd231pd     => (O231, F64, true, Never, false),
        Mn::Vfnmadd231ss     => (O231, F32, true, Never, true),
        Mn::Vfnmadd231sd     => (O231, F64, true, Never, true),
        Mn::Vfnmsub132ps     => (O132, F32, true, Always, false),
        Mn::Vfnmsub132pd     => (O132, F64, true, Always, false),
        Mn::Vfnmsub132ss     => (O132, F32, true, Always, true),
        Mn::Vfnmsub132sd     => (O132, F64, true, Always, true),
        Mn::Vfnmsub213ps     => (O213, F32, true, Always, false),
        Mn::Vfnmsub213pd     => (O213, F64, true, Always, false),
        Mn::Vfnmsub213ss     => (O213, F32, true, Always, true),
        Mn::Vfnmsub213sd     => (O213, F64, true, Always, true),
        Mn::Vfnmsub231ps     => (O231, F32, true, Always, false),
        Mn::Vfnmsub231pd     => (O231, F64, true, Always, false),
        Mn::Vfnmsub231ss     => (O231, F32, true, Always, true),
        Mn::Vfnmsub231sd     => (O231, F64, true, Always, true),
        Mn::Vfmaddsub132ps   => (O132, F32, false, Even, false),
        Mn::Vfmaddsub132pd   => (O132, F64, false, Even, false),
        Mn::Vfmaddsub213ps   => (O213, F32, false, Even, false),
        Mn::Vfmaddsub213pd   => (O213, F64, false, Even, false),
        Mn::Vfmaddsub231ps   => (O231, F32, false, Even, false),
        Mn::Vfmaddsub231pd   => (O231, F64, false, Even, false),
        Mn::Vfmsubadd132ps   => (O132, F32, false, Odd, false),
        Mn::Vfmsubadd132pd   => (O132, F64, false, Odd, false),
        Mn::Vfmsubadd213ps   => (O213, F32, false, Odd, false),
        Mn::Vfmsubadd213pd   => (O213, F64, false, Odd, false),
        Mn::Vfmsubadd231ps   => (O231, F32, false, Odd, false),
        Mn::Vfmsubadd231pd   => (O231, F64, false, Odd, false),
        _ => return None,
    };
    Some((order, LargeFloatOp::Fma { w, negate, subtract, scalar }))
}
