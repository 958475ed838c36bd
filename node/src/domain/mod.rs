//! stub: domain
