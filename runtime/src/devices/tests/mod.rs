//! Tests of the devices through the interfaces that guest and host use.
