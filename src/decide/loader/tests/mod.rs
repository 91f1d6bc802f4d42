mod disk;
mod gpt;
mod order;
mod state;
