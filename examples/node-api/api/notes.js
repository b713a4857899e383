/** A function for each method, of the web's kind. What is kept in memory is one process's, and ends with it. */
const notes = [];

export const GET = () => Response.json(notes);

export async function POST(request) {
  const text = (await request.text()).trim();
  if (text === "") return Response.json({ error: "Send the note as the body." }, { status: 400 });
  notes.push(text);
  return Response.json({ count: notes.length }, { status: 201 });
}
