declare global {
  namespace App {
    interface Locals {
      visitor: string;
    }
  }
}

export {};
