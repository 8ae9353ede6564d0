export default function PurgePage() {
	return null;
}
