export default function BasicPage() {
	return null;
}
