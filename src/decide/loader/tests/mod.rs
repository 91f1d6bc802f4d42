mod disk;
mod gpt;
mod state;
