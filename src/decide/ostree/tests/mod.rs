mod asked;
mod conf;
mod plan;
mod variant;
