document.querySelector("#app").textContent = `Built with ${import.meta.env.VITE_NAME ?? "Vite"}`;
