import { render } from "preact";
import "./style/base.css";
import "./style/board.css";
import "./style/person.css";
import "./style/console.css";
import { App } from "./app.tsx";
import { startClocks } from "./now.ts";
import { checkSession } from "./session.ts";

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
startClocks();
void checkSession();
